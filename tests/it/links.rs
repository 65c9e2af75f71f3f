//! Links between documents lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A reader who follows a link finds the file, and the section in it. Links to other sites are not followed.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut documents = Vec::new();
    find(root, &mut documents);
    assert!(documents.contains(&root.join("README.md")), "{documents:?}");
    let (mut followed, mut broken) = (0, Vec::new());
    for document in &documents {
        for link in links(&fs::read_to_string(document).unwrap()) {
            if link.contains("://") || link.starts_with("crate::") {
                continue;
            }
            followed += 1;
            if !leads_somewhere(document, &link) {
                broken.push(format!("{}: {link}", document.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(followed > 10, "only {followed} links were found");
}

/// What the check itself sees and does not see.
#[test]
fn links_and_sections_are_found() {
    let text = "# A `b`: c\n[x](y.md#a-b-c) ![p](q.svg)\n```sh\n# no heading\n[no](link)\n```\n";
    assert_eq!(links(text), ["y.md#a-b-c", "q.svg"]);
    assert_eq!(sections(text), BTreeSet::from(["a-b-c".to_owned()]));
}

fn find(directory: &Path, documents: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            find(&path, documents);
        } else if name.ends_with(".md") {
            documents.push(path);
        }
    }
}

fn leads_somewhere(document: &Path, link: &str) -> bool {
    let (file, section) = link.split_once('#').map_or((link, None), |(file, section)| (file, Some(section)));
    let target = if file.is_empty() { document.to_owned() } else { document.with_file_name(file) };
    match section {
        None => target.exists(),
        Some(section) => fs::read_to_string(target).is_ok_and(|text| sections(&text).contains(section)),
    }
}

/// The targets of links, those in code left out.
fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// The names under which the headings can be linked to.
fn sections(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| name(heading.trim_start_matches('#').trim())).collect()
}

fn name(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}
