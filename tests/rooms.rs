//! The house: which room may use which, and no circles. See `docs/architecture.md`.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, UseTree, Visibility,
    visit::{self, Visit},
};

/// What each room may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("files", &[]),
    ("network", &["files"]),
    ("diagnostics", &["model"]),
    ("manifest", &["model", "diagnostics", "files"]),
    ("desired", &["model", "diagnostics", "manifest"]),
    ("watch", &["model", "manifest", "files"]),
    ("plan", &["model", "diagnostics"]),
    ("state", &["model", "files", "network"]),
    ("brevo", &["model", "network"]),
    ("apply", &["model", "diagnostics", "plan", "state", "brevo", "network"]),
    ("render", &["model", "diagnostics", "plan"]),
    ("loopback", &[]),
    ("chats", &[]),
    ("ci", &["model", "diagnostics", "plan", "apply", "render", "network"]),
    ("sandbox", &["model", "network", "brevo", "loopback", "chats"]),
    ("preview", &["model", "diagnostics", "manifest", "desired", "watch", "loopback", "chats"]),
    (
        "controller",
        &[
            "model",
            "diagnostics",
            "plan",
            "state",
            "brevo",
            "apply",
            "render",
            "loopback",
            "chats",
            "network",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "diagnostics",
            "manifest",
            "desired",
            "watch",
            "plan",
            "state",
            "brevo",
            "apply",
            "render",
            "ci",
            "sandbox",
            "preview",
            "controller",
            "loopback",
            "chats",
            "files",
            "network",
        ],
    ),
];

/// Files that may use one room more than the others of their room.
const MORE: &[(&[&str], &str)] = &[(&["manifest", "audience", "query"], "network")];

/// Not rooms: the crate's root, the binary, and what only the fuzzers use.
const OUTSIDE: &[&str] = &["lib", "main", "fuzzing"];

/// A module of the crate: `["state", "bucket"]`.
type Module = Vec<String>;

/// One file of `src`.
struct File {
    path: PathBuf,
    items: Vec<Item>,
    /// What other modules get from it by another module's name: the name, and where it comes from.
    exported: BTreeMap<String, Vec<String>>,
    /// Modules of which it exports everything.
    globs: Vec<Vec<String>>,
}

struct House(BTreeMap<Module, File>);

/// The paths that a file uses, all from the crate's root.
struct Paths<'m> {
    module: &'m Module,
    /// Inner modules of the file around the place.
    inner: usize,
    found: BTreeSet<Vec<String>>,
    exports: bool,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().starts_with("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Use(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

/// The leaves of a `use`.
fn leaves(tree: &UseTree, before: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
    let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => found.push((before.to_vec(), None)),
        UseTree::Name(name) => found.push((with(name.ident.to_string()), None)),
        UseTree::Rename(rename) => {
            found.push((with(rename.ident.to_string()), Some(rename.rename.to_string())));
        }
        UseTree::Glob(_) => found.push((with("*".to_owned()), None)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, found)),
    }
}

impl Paths<'_> {
    /// A path from the crate's root, if it is one of this crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base: Vec<String> = match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        let mut up = path.iter().take_while(|part| *part == "super").count();
        let skip = up + path.iter().take_while(|part| *part == "self").count();
        up = up.saturating_sub(self.inner);
        base.truncate(base.len().saturating_sub(up));
        base.extend_from_slice(&path[skip..]);
        Some(base)
    }
}

impl<'a> Visit<'a> for Paths<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Use(item) => {
                let exported = !matches!(item.vis, Visibility::Inherited);
                if exported && !self.exports {
                    return;
                }
                let mut all = Vec::new();
                leaves(&item.tree, &[], &mut all);
                for (path, _) in all {
                    self.found.extend(self.absolute(&path));
                }
            }
            Item::Mod(item) => {
                self.inner += 1;
                visit::visit_item_mod(self, item);
                self.inner -= 1;
            }
            item => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 {
            self.found.extend(self.absolute(&parts));
        }
        visit::visit_path(self, path);
    }
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    if path.file_name().is_some_and(|name| name != "tests") {
                        folders.push(path);
                    }
                    continue;
                }
                let within = path.strip_prefix(&root).expect("inside").with_extension("");
                let mut module: Module =
                    within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                let last = module.last().cloned().unwrap_or_default();
                let is_rust = path.extension().is_some_and(|extension| extension == "rs");
                if !is_rust || last == "tests" || last.ends_with("_tests") {
                    continue;
                }
                if last == "mod" {
                    module.pop();
                }
                let text = fs::read_to_string(&path).expect("UTF-8");
                let items = syn::parse_file(&text).expect("Rust").items;
                let mut file = File { path, items, exported: BTreeMap::new(), globs: Vec::new() };
                for item in &file.items {
                    let Item::Use(item) = item else { continue };
                    let mut all = Vec::new();
                    leaves(&item.tree, &[], &mut all);
                    for (path, name) in all {
                        let at = Paths {
                            module: &module,
                            inner: 0,
                            found: BTreeSet::new(),
                            exports: true,
                        };
                        let from_here = || module.iter().chain(&path).cloned().collect::<Vec<_>>();
                        let mut origin = at.absolute(&path).unwrap_or_else(from_here);
                        match origin.last().map(String::as_str) {
                            Some("*") => {
                                origin.pop();
                                file.globs.push(origin);
                            }
                            Some(last) => {
                                file.exported.insert(name.unwrap_or(last.to_owned()), origin);
                            }
                            None => {}
                        }
                    }
                }
                files.insert(module, file);
            }
        }
        Self(files)
    }

    /// The file in which a path ends, through all re-exports.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Module> {
        let mut at: Module = Vec::new();
        for (index, part) in path.iter().enumerate() {
            let child: Module = at.iter().cloned().chain([part.clone()]).collect();
            if self.0.contains_key(&child) {
                at = child;
                continue;
            }
            let file = self.0.get(&at)?;
            if depth < 8 && !defines(file, part) {
                if let Some(origin) = file.exported.get(part) {
                    let whole: Vec<String> =
                        origin.iter().chain(&path[index + 1..]).cloned().collect();
                    if whole != path {
                        return self.resolve(&whole, depth + 1).or(Some(at));
                    }
                }
                for glob in &file.globs {
                    let target = self.0.get(glob);
                    if target.is_some_and(|target| {
                        defines(target, part) || target.exported.contains_key(part)
                    }) {
                        let whole: Vec<String> =
                            glob.iter().chain(&path[index..]).cloned().collect();
                        return self.resolve(&whole, depth + 1);
                    }
                }
            }
            break;
        }
        Some(at)
    }

    /// Which files each file uses. What a file only hands on does not count.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        self.0
            .iter()
            .map(|(module, file)| {
                let mut paths = Paths { module, inner: 0, found: BTreeSet::new(), exports: false };
                file.items.iter().for_each(|item| paths.visit_item(item));
                let targets = paths.found.iter().filter_map(|path| self.resolve(path, 0));
                (module, targets.filter(|target| target != module && !target.is_empty()).collect())
            })
            .collect()
    }
}

/// All that can be come to from this file, along arrows.
fn reachable(arrows: &BTreeMap<&Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut queue = vec![from];
    while let Some(module) = queue.pop() {
        for target in arrows.get(module).into_iter().flatten() {
            if found.insert(target.clone()) {
                queue.push(target);
            }
        }
    }
    found
}

/// Whether this file has an item of that name.
fn defines(file: &File, name: &str) -> bool {
    file.items.iter().any(|item| match item {
        Item::Fn(item) => item.sig.ident == name,
        Item::Struct(item) => item.ident == name,
        Item::Enum(item) => item.ident == name,
        Item::Trait(item) => item.ident == name,
        Item::Type(item) => item.ident == name,
        Item::Const(item) => item.ident == name,
        Item::Static(item) => item.ident == name,
        _ => false,
    })
}

fn shown(module: &Module) -> String {
    module.join("::")
}

#[test]
fn each_room_uses_only_the_rooms_that_it_may_use() {
    let house = House::read();
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, targets) in house.arrows() {
        let room = module.first().map_or("lib", String::as_str);
        if OUTSIDE.contains(&room) || module.last().is_some_and(|file| file == "fuzzing") {
            continue;
        }
        let Some(may) = rooms.get(room) else {
            wrong.push(format!("{room} is not a room of the house"));
            continue;
        };
        for target in targets {
            let other = target[0].as_str();
            let more = MORE.iter().any(|(files, room)| {
                *room == other
                    && module.iter().map(String::as_str).take(files.len()).eq(files.iter().copied())
            });
            if other != room && !may.contains(&other) && !more {
                wrong.push(format!("{} uses {}", shown(module), shown(&target)));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the house does not have:\n{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let house = House::read();
    let mut arrows = house.arrows();
    let reach: BTreeMap<Module, BTreeSet<Module>> =
        arrows.keys().map(|module| ((*module).clone(), reachable(&arrows, module))).collect();
    let leads = |from: &Module, to: &Module| reach.get(from).is_some_and(|all| all.contains(to));
    for (module, targets) in &mut arrows {
        targets.retain(|target| leads(target, module));
    }
    arrows.retain(|_, targets| !targets.is_empty());
    let lines: Vec<String> = arrows
        .iter()
        .map(|(module, targets)| {
            let targets: Vec<String> = targets.iter().map(shown).collect();
            format!("{} -> {}", shown(module), targets.join(", "))
        })
        .collect();
    assert!(lines.is_empty(), "files in circles:\n{}", lines.join("\n"));
}

#[test]
fn a_mod_rs_declares_and_explains_and_does_nothing() {
    let house = House::read();
    let mut wrong = Vec::new();
    for file in house.0.values().filter(|file| file.path.ends_with("mod.rs")) {
        for item in &file.items {
            let what = match item {
                Item::Fn(item) => item.sig.ident.to_string(),
                Item::Impl(_) => "impl".to_owned(),
                _ => continue,
            };
            if !is_test(attributes(item)) {
                wrong.push(format!("{}: {what}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "logic in mod.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_page_on_architecture_has_the_same_rooms_and_arrows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = fs::read_to_string(page).expect("the page");
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `src/")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let may: BTreeSet<String> = match cells[3] {
            "nothing of ours" => BTreeSet::new(),
            "all rooms" => ROOMS
                .iter()
                .map(|(room, _)| (*room).to_owned())
                .filter(|room| room != "cli")
                .collect(),
            rooms => rooms.split(", ").map(str::to_owned).collect(),
        };
        for room in cells[1].split(", ") {
            let room = room.trim_matches('`').trim_start_matches("src/");
            shown.insert(room.to_owned(), may.clone());
        }
    }
    let held = ROOMS
        .iter()
        .map(|(room, may)| {
            ((*room).to_owned(), may.iter().map(|room| (*room).to_owned()).collect())
        })
        .collect::<BTreeMap<String, BTreeSet<String>>>();
    assert_eq!(shown, held);
}
