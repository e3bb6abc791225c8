//! Nodes from real files: what is read, what is listed, and when an earlier node may answer.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use strongroom_kernel::filter::{Excludes, TagFile};
use strongroom_kernel::metadata::{MetadataReader, Options, list_directory, stat_at};
use strongroom_kernel::time::Zone;
use strongroom_kernel::tree::{Node, NodeType};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("strongroom-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn reader() -> MetadataReader {
    MetadataReader::new(Options { with_atime: false }, Zone::UTC)
}

/// Names come in the order of their bytes, whatever their number, and a listing begins at the beginning each time.
#[test]
fn listing_is_sorted() {
    let folder = Folder::new("list");
    let mut names: Vec<Vec<u8>> = (0..3000).map(|n| format!("name {}", n * 7919 % 3000).into_bytes()).collect();
    names.extend([b"\xff".to_vec(), b"-".to_vec(), "ä".into(), b"B".to_vec(), b"a".to_vec()]);
    for name in &names {
        File::create(folder.0.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    names.sort();
    let handle = File::open(&folder.0).unwrap();
    for _ in 0..2 {
        let listing = list_directory(handle.as_fd()).unwrap();
        assert_eq!(listing.len(), names.len());
        assert!(listing.iter().map(|entry| entry.name).eq(names.iter()));
    }
}

/// An untouched inode's attributes and target come from the earlier node; after any change they are read.
#[test]
fn earlier_node_answers_for_an_untouched_inode() {
    let folder = Folder::new("since");
    fs::write(folder.0.join("file"), "x").unwrap();
    symlink("target", folder.0.join("link")).unwrap();
    let handle = File::open(&folder.0).unwrap();
    let read = |name: &str, parent: Option<&Node>| {
        let stat = stat_at(handle.as_fd(), name.as_bytes()).unwrap();
        reader().node_since(handle.as_fd(), name.as_bytes(), &stat, parent, None).unwrap().0
    };
    let mut file = read("file", None);
    assert_eq!((file.size, file.links, &file.kind), (1, 1, &NodeType::File));
    file.extended_attributes = vec![(b"user.remembered".to_vec(), b"yes".to_vec())];
    assert_eq!(read("file", Some(&file)), file);
    let mut link = read("link", None);
    assert_eq!((link.linktarget.as_slice(), &link.kind), (&b"target"[..], &NodeType::Symlink));
    link.linktarget = b"remembered".to_vec();
    assert_eq!(read("link", Some(&link)), link);
    for change in [
        |node: &mut Node| node.ctime.nanos ^= 1,
        |node: &mut Node| node.inode += 1,
        |node: &mut Node| node.device_id += 1,
        |node: &mut Node| node.kind = NodeType::Fifo,
    ] {
        let (mut other, mut elsewhere) = (file.clone(), link.clone());
        change(&mut other);
        change(&mut elsewhere);
        assert_eq!(read("file", Some(&other)).extended_attributes, []);
        assert_eq!(read("link", Some(&elsewhere)).linktarget, b"target");
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::hard_link(folder.0.join("file"), folder.0.join("again")).unwrap();
    assert_eq!(read("file", Some(&file)).extended_attributes, []);
}

/// An entry's attributes are the same by its name and by a handle of it.
#[test]
fn attributes_by_handle() {
    let folder = Folder::new("handle");
    let path = folder.0.join("file");
    fs::write(&path, "x").unwrap();
    let value = vec![7; 2000];
    for (name, value) in [("user.short", &b"value"[..]), ("user.long", &value)] {
        match rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::CREATE) {
            Err(rustix::io::Errno::NOTSUP) => return println!("no user attributes in {}", folder.0.display()),
            answer => answer.unwrap(),
        }
    }
    let (handle, file) = (File::open(&folder.0).unwrap(), File::open(&path).unwrap());
    let stat = stat_at(handle.as_fd(), b"file").unwrap();
    let by_name = reader().node_from(handle.as_fd(), b"file", &stat).unwrap().0;
    let by_handle = reader().node_since(handle.as_fd(), b"file", &stat, None, Some(file.as_fd())).unwrap().0;
    assert_eq!(by_name, by_handle);
    assert!(by_name.extended_attributes.contains(&(b"user.long".to_vec(), value)));
}

/// A tag file keeps out its neighbours if it begins as it must; a false one is a warning.
#[test]
fn tag_files() {
    let folder = Folder::new("tags");
    let handle = File::open(&folder.0).unwrap();
    let tags = vec![TagFile::cache(), TagFile::parse(b".nobackup").unwrap()];
    let excludes = Excludes::new(&[], &[], tags, None).unwrap();
    let mut warnings = Vec::new();
    assert!(excludes.tags_in(handle.as_fd(), &mut warnings).is_empty());
    fs::write(folder.0.join("CACHEDIR.TAG"), "Signature: something else, long enough to compare").unwrap();
    assert!(excludes.tags_in(handle.as_fd(), &mut warnings).is_empty());
    assert_eq!(warnings.len(), 1);
    fs::write(folder.0.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# more").unwrap();
    let found = excludes.tags_in(handle.as_fd(), &mut warnings);
    assert!(Excludes::by_tags(&found, b"file") && !Excludes::by_tags(&found, b"CACHEDIR.TAG"));
    symlink("nowhere", folder.0.join(".nobackup")).unwrap();
    let found = excludes.tags_in(handle.as_fd(), &mut warnings);
    assert!(Excludes::by_tags(&found, b"CACHEDIR.TAG") && Excludes::by_tags(&found, b".nobackup"));
    assert!(TagFile::parse(b":header").is_err());
}
