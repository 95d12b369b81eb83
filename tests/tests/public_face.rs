//! The names of the crate: few in the root, and each in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a file makes public: names that it defines, uses, or has as modules.
fn public(file: &Path) -> (Vec<String>, Vec<String>) {
    let text = fs::read_to_string(file).unwrap();
    let (mut names, mut modules) = (Vec::new(), Vec::new());
    let mut lines = text.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("pub mod ") {
            if before != "#[doc(hidden)]" {
                modules.push(name.trim_end_matches([';', '{', ' ']).to_owned());
            }
        } else if let Some(used) = line.strip_prefix("pub use ") {
            let mut used = used.to_owned();
            while !used.ends_with(';') {
                used.push_str(lines.next().unwrap());
            }
            let list = used.split_once('{').map_or(&*used, |(_, list)| list);
            let list = list.trim_end_matches([';', '}']).split(',');
            let list = list.map(|name| name.rsplit("::").next().unwrap().trim());
            names.extend(list.filter(|name| !name.is_empty()).map(str::to_owned));
        } else if let Some(item) = line.strip_prefix("pub ") {
            let name = item
                .split([' ', '(', '<', ':', ';'])
                .skip_while(|word| {
                    ["async", "const", "enum", "fn", "struct", "trait", "type"].contains(word)
                })
                .find(|word| !word.is_empty());
            names.push(name.unwrap().to_owned());
        }
        before = line;
    }
    (names, modules)
}

#[test]
fn few_names_in_the_root_and_none_twice() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let (root, modules) = public(&src.join("lib.rs"));
    assert!(
        root.len() > 20 && modules.len() > 10,
        "{root:?} {modules:?}"
    );
    assert!(root.len() + modules.len() <= 45, "{root:?} {modules:?}");
    let mut places = BTreeMap::<String, Vec<&str>>::new();
    for name in root {
        places.entry(name).or_default().push("the root");
    }
    for module in &modules {
        let file = src.join(format!("{module}.rs"));
        // One of each system is one.
        let names: BTreeSet<_> = public(&file).0.into_iter().collect();
        for name in names {
            places.entry(name).or_default().push(module);
        }
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:?}");
}
