//! The index finds what it was given, and reads what restic, rustic and nobody sane would write.

use super::*;
use std::collections::HashMap;

fn id(number: u64) -> Id {
    Id::of(&number.to_le_bytes())
}

fn entry(kind: BlobType, number: u64, offset: u32) -> BlobEntry {
    BlobEntry { kind, id: id(number), offset, length: 100 + number as u32 % 7, uncompressed_length: number as u32 % 3 }
}

fn hex(number: u64) -> String {
    id(number).to_hex()
}

#[test]
fn restics_spelling_comes_out_and_goes_in() {
    let packs = vec![
        (id(100), vec![entry(BlobType::Data, 3, 0), entry(BlobType::Tree, 4, 103)]),
        (id(101), vec![entry(BlobType::Data, 3, 7)]),
    ];
    let json = encode_index(&packs);
    let expected = format!(
        "{{\"packs\":[{{\"id\":\"{}\",\"blobs\":[{{\"id\":\"{}\",\"type\":\"data\",\"offset\":0,\"length\":103}},\
         {{\"id\":\"{}\",\"type\":\"tree\",\"offset\":103,\"length\":104,\"uncompressed_length\":1}}]}},\
         {{\"id\":\"{}\",\"blobs\":[{{\"id\":\"{}\",\"type\":\"data\",\"offset\":7,\"length\":103}}]}}]}}\n",
        hex(100),
        hex(3),
        hex(4),
        hex(101),
        hex(3)
    );
    assert_eq!(String::from_utf8(json.clone()).unwrap(), expected);
    let mut index = Index::new();
    assert_eq!(index.load_json(&json).unwrap(), [id(100), id(101)]);
    assert_eq!(index.load_json(&json).unwrap(), [id(100), id(101)]);
    assert_eq!(index.len(), 3, "exact duplicates are merged");
    let places = index.lookup_all(BlobType::Data, &id(3));
    assert_eq!(places.iter().map(|place| (place.pack, place.offset)).collect::<Vec<_>>(), [(id(100), 0), (id(101), 7)]);
    assert_eq!(index.lookup(BlobType::Data, &id(3)), Some(places[0]));
    assert!(!index.contains(BlobType::Tree, &id(3)), "type is part of the identity");
    assert_eq!(index.pack_entries(&id(100)).unwrap(), packs[0].1);
    assert_eq!(index.pack_entries(&id(7)), None);
}

#[test]
fn twenty_thousand_blobs_agree_with_a_map() {
    let mut index = Index::new();
    let mut model: HashMap<(BlobType, Id), Vec<Location>> = HashMap::new();
    for pack in 0..200 {
        let blobs: Vec<_> = (0..100)
            .map(|at| {
                let kind = if at % 5 == 0 { BlobType::Tree } else { BlobType::Data };
                entry(kind, (pack * 100 + at) * 7919 % 15_000, at as u32 * 200)
            })
            .collect();
        for blob in &blobs {
            model.entry((blob.kind, blob.id)).or_default().push(Location {
                pack: id(1_000_000 + pack),
                offset: blob.offset,
                length: blob.length,
                uncompressed_length: blob.uncompressed_length,
            });
        }
        index.insert_pack(id(1_000_000 + pack), &blobs).unwrap();
    }
    assert_eq!(index.len(), 20_000);
    assert_eq!(index.packs().len(), 200);
    for ((kind, id), places) in &model {
        assert_eq!(index.lookup_all(*kind, id), *places);
    }
    for number in 20_000..30_000 {
        assert!(!index.contains(BlobType::Data, &id(number)));
    }
    let all: usize = index.packs().map(|pack| index.pack_entries(&pack).unwrap().len()).sum();
    assert_eq!(all, 20_000);
    assert_eq!(index.blobs().count(), 20_000);
}

#[test]
fn the_blobs_of_a_pack_are_found_while_more_are_added() {
    let mut index = Index::new();
    let mut model: Vec<Vec<BlobEntry>> = Vec::new();
    for pack in 0..150u64 {
        let blobs: Vec<_> = (0..200).map(|at| entry(BlobType::Data, pack * 1000 + at, at as u32 * 200)).collect();
        index.insert_pack(id(pack), &blobs[..100]).unwrap();
        model.push(blobs);
        // The second half of an older pack comes later, as from another index file.
        if let Some(older) = pack.checked_sub(3) {
            index.insert_pack(id(older), &model[older as usize][100..]).unwrap();
        }
        for asked in (0..=pack).step_by(13) {
            let known = if asked + 3 <= pack { 200 } else { 100 };
            assert_eq!(index.pack_entries(&id(asked)).unwrap(), model[asked as usize][..known]);
        }
    }
}

#[test]
fn other_writers_are_understood() {
    let (pack, blob) = (hex(1), hex(2));
    let usual = format!(
        "{{\"id\":\"{blob}\",\"type\":\"data\",\"offset\":4294967000,\"length\":45,\"uncompressed_length\":10}}"
    );
    for blob in [
        usual.clone(),
        usual.replace(',', " ,\n\t").replace(':', " : "),
        usual.replace("id", "Id").replace("offset", "OFFSET"),
        usual.replace("\"type\"", "\"t\\u0079pe\"").replace("data", "d\\u0061ta"),
        usual.replace("}", ",\"new\":[1,-2.5e+3,{\"a\":null,\"b\":[true,false,\"\\ud83d\\ude00\"]}]}"),
        format!(
            "{{\"length\":45,\"uncompressed_length\":10,\"offset\":4294967000,\"type\":\"data\",\"id\":\"{blob}\"}}"
        ),
    ] {
        let json = format!(
            "{{\"supersedes\":[\"{pack}\"],\"packs\":[{{\"time\":\"2026-01-01T00:00:00Z\",\"size\":5000000000,\"blobs\":[{blob}],\
             \"id\":\"{pack}\"}}],\"packs_to_delete\":[{{\"id\":\"{}\",\"blobs\":[],\"size\":5}}]}} \n",
            hex(9)
        );
        let mut index = Index::new();
        assert_eq!(index.load_json(json.as_bytes()).unwrap(), [id(1)], "{json}");
        let place = index.lookup(BlobType::Data, &id(2)).unwrap();
        assert_eq!((place.offset, place.length, place.uncompressed_length), (4_294_967_000, 45, 10));
        assert!(!index.contains_pack(&id(9)));
    }
    for json in ["{}", "{\"packs\":null}", "{\"packs\":[]}", " {\"supersedes\":null}\n"] {
        assert!(Index::new().load_json(json.as_bytes()).unwrap().is_empty());
    }
    let null = format!("{{\"packs\":[{{\"id\":\"{pack}\",\"blobs\":null}}]}}");
    assert_eq!(Index::new().load_json(null.as_bytes()).unwrap(), [id(1)]);
}

#[test]
fn what_is_no_index_is_refused_and_changes_nothing() {
    let (pack, blob) = (hex(1), hex(2));
    let usual = format!(
        "{{\"packs\":[{{\"id\":\"{pack}\",\"blobs\":[{{\"id\":\"{blob}\",\"type\":\"data\",\"offset\":1,\"length\":45}}]}}]}}"
    );
    let mut index = Index::new();
    let mut refuse = |json: &str| {
        let result = index.load_json(json.as_bytes());
        assert!(matches!(result, Err(Error::Damaged(_))), "{json}: {result:?}");
        assert!(index.is_empty());
    };
    for end in 0..usual.len() {
        refuse(&usual[..end]);
    }
    for (old, new) in [
        (":45", ":31"),
        (":45", ":4294967296"),
        (":45", ":4294967295"),
        (":45", ":-45"),
        (":45", ":4.5"),
        (":45", ":45e1"),
        (":45", ":045"),
        (":45", ":\"45\""),
        ("data", "date"),
        ("data", "dat"),
        ("\"type\"", "\"id\""),
        ("\"offset\"", "\"length\""),
        ("\"packs\"", "\"packs\":[],\"packs\""),
        ("]}]}", "]}]}x"),
        ("]}]}", "],}]}"),
        ("]}]}", "]}}"),
        ("{\"packs", "{,\"packs"),
    ] {
        let json = usual.replacen(old, new, 1);
        assert_ne!(json, usual, "{old} is in the text");
        refuse(&json);
    }
    refuse(&usual.replace(&pack, &pack.to_uppercase()));
    refuse(&usual.replace(&blob, &blob[1..]));
    refuse(&usual.replace(&blob, &format!("{}g", &blob[1..])));
    refuse("{\"packs\":[{\"blobs\":[]}]}");
    refuse("{\"a\":\"\\x\"}");
    refuse("{\"a\":tru}");
    refuse("");
    assert!(matches!(index.load_json(b"[]"), Err(Error::Unsupported(_))));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(index.load_json(deep.as_bytes()), Err(Error::TooLarge { .. })));
}

#[test]
fn copies_without_end_are_not_followed() {
    let mut index = Index::new();
    for pack in 0..1000 {
        index.insert_pack(id(pack), &[entry(BlobType::Data, 5, 0)]).unwrap();
    }
    assert_eq!(index.lookup_all(BlobType::Data, &id(5)).len(), MAX_COPIES);
}

#[test]
fn rows_have_the_size_that_the_budget_counts_on() {
    assert_eq!(size_of::<Row>(), 48);
    assert_eq!(size_of::<PackRecord>(), 32);
}
