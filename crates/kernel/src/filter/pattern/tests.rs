use super::*;

fn matched(patterns: &[&str], path: &str) -> bool {
    let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes().to_vec()).collect();
    PatternList::new(&patterns, false).unwrap().matches(path.as_bytes())
}

/// Single patterns, by the rules and their odd corners.
#[test]
fn single() {
    for (pattern, path, expected) in [
        ("*.go", "/foo/bar/test.go", true),
        ("*.c", "/foo/bar/test.go", false),
        ("foo", "/x/foo/y/z", true),
        ("foo/bar", "/x/foo/bar/z", true),
        ("/foo", "/x/foo", false),
        ("/foo/*", "/foo/x/y", true),
        ("foo/**/bar", "/foo/bar", true),
        ("foo/**/bar", "/x/foo/a/b/bar/c", true),
        ("/**/bar", "/bar", true),
        ("foo/**", "/foo", true),
        ("**", "/", true),
        ("/", "/anything", true),
        ("*", "/", true),
        ("./a//b/../c/", "/x/a/c", true),
        ("..", "/a/b", false),
        ("!", "/a", false),
        ("a**b", "/axxb", true),
        // One component is missing for restic, since it counts the two stars left over.
        ("**/foo/**/bar/**", "/foo/bar", false),
        ("**/foo/**/bar/**", "/a/foo/bar/b", true),
        ("/a/**/b/**/c", "/a/b/c", false),
        ("/a/**/b/**/c", "/a/b/x/c", true),
    ] {
        assert_eq!(matched(&[pattern], path), expected, "{pattern} {path}");
    }
}

/// Later patterns take back what earlier ones said.
#[test]
fn negation() {
    assert!(!matched(&["*.o", "!keep.o"], "/a/keep.o"));
    assert!(matched(&["!keep.o", "*.o"], "/a/keep.o"));
    assert!(matched(&["*.o", "!*.o", "a.o"], "/a.o"));
    assert!(matched(&["\\!x"], "/!x"));
}

/// What may lie below a directory that does not match itself.
#[test]
fn children() {
    let child = |pattern: &str, path: &str| {
        PatternList::new(&[pattern.into()], false).unwrap().matches_with_child(path.as_bytes())
    };
    assert_eq!(child("/a/b/c", "/a"), (false, true));
    assert_eq!(child("/a/b/c", "/x"), (false, false));
    assert_eq!(child("/a/b", "/a/b/c"), (true, true));
    assert_eq!(child("/a/**/c", "/a/x/y"), (false, true));
    assert_eq!(child("c", "/x"), (false, true));
    assert_eq!(child("!/a", "/a"), (false, false));
}

/// Letters without case, in Unicode's simple mapping.
#[test]
fn folded() {
    let list = PatternList::new(&["ÄB*.TXT".into(), "İ".into()], true).unwrap();
    assert!(list.matches("/x/äBc.txt".as_bytes()));
    assert!(list.matches(b"/I"));
    assert!(!list.matches(b"/j"));
}

/// Every malformed pattern is named.
#[test]
fn malformed() {
    let error = PatternList::new(&["a[".into(), "ok".into(), "x/[]a]".into()], false).unwrap_err();
    assert_eq!(error.to_string(), "malformed patterns: a[, x/[]a]");
}
