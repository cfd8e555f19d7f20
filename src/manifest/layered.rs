//! What all files say of each thing, and what the environment lays over it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    context::Context,
    files::Files,
    layers::{Layer, Layers},
    raw,
    source_path::SourcePath,
    unions::{Entries, Var},
};
use crate::diagnostics::{Code, Diagnostic};

/// Things by name, each with its layers.
type Named<'a, T> = BTreeMap<&'a str, Layers<'a, T>>;

impl Files {
    /// Those that are declared.
    pub(crate) fn environment_names(&self) -> Vec<String> {
        self.environments().map(|(name, _)| name.to_owned()).collect()
    }

    pub(super) fn environments(&self) -> impl Iterator<Item = (&str, &raw::Environment)> {
        let all = self.main().and_then(|main| main.document.raw.environments.as_ref());
        all.into_iter().flat_map(|Entries(all)| all.iter().map(|(name, raw)| (name.as_str(), raw)))
    }

    /// The chosen environment.
    pub(super) fn overlay(&self) -> Option<(&raw::Environment, SourcePath)> {
        let wanted = self.environment.as_deref()?;
        let (_, raw) = self.environments().find(|(name, _)| *name == wanted)?;
        Some((raw, self.main()?.source.child("environments").child(wanted)))
    }

    /// Where relative paths of a file start.
    pub(crate) fn folder_of(&self, source: &SourcePath) -> PathBuf {
        let folder = self.folders.get(source.file());
        folder.or(self.main().map(|main| &main.folder)).cloned().unwrap_or_default()
    }

    /// The names in a section whose entries could not be decoded whole.
    pub(crate) fn faulty_names(&self, section: &str) -> Vec<String> {
        let paths = self.files.iter().flat_map(|file| &file.document.faulty);
        paths
            .filter_map(|path| match &path[..] {
                [.., at, name] if **at == *section => Some(name.to_string()),
                _ => None,
            })
            .collect()
    }

    fn named<'a, T>(
        &'a self,
        cx: &mut Context<'_>,
        section: &str,
        base: impl Fn(&'a raw::File) -> Option<&'a Entries<T>>,
        over: impl Fn(&'a raw::Environment) -> Option<&'a Entries<T>>,
    ) -> Named<'a, T> {
        let mut named: Named<'a, T> = BTreeMap::new();
        for file in &self.files {
            let Some(Entries(entries)) = base(&file.document.raw) else { continue };
            let at = file.source.child(section);
            for (name, raw) in entries {
                let at = at.child(name.as_str());
                let faulty = !file.document.faulty.is_empty()
                    && file.document.faulty.contains(&vec![section.into(), name.as_str().into()]);
                let layer = Layer { raw, at, faulty };
                match named.get(name.as_str()).and_then(Layers::source) {
                    Some(_) if cx.is_full() => break,
                    Some(first) => {
                        let message = format!("`{name}` is here a second time");
                        let problem = Diagnostic::error(Code::DuplicateKey, message)
                            .at(layer.at.key().place())
                            .related(first.key().place(), "the first time is here");
                        cx.problems.push(problem);
                    }
                    None => _ = named.insert(name, Layers(vec![layer])),
                }
            }
        }
        if let (Some((raw, at)), Some(main)) = (self.overlay(), self.main())
            && let Some(Entries(entries)) = over(raw)
        {
            let environment: Arc<str> = self.environment.as_deref().unwrap_or_default().into();
            for (name, raw) in entries {
                let path = vec![
                    "environments".into(),
                    environment.clone(),
                    section.into(),
                    name.as_str().into(),
                ];
                let faulty = main.document.faulty.contains(&path);
                let at = at.child(section).child(name.as_str());
                let layers = named.entry(name).or_insert_with(|| Layers(Vec::new()));
                layers.0.push(Layer { raw, at, faulty });
            }
        }
        named
    }

    pub(crate) fn senders(&self, cx: &mut Context<'_>) -> Named<'_, raw::Sender> {
        self.named(cx, "senders", |raw| raw.senders.as_ref(), |raw| raw.senders.as_ref())
    }

    pub(crate) fn audiences(&self, cx: &mut Context<'_>) -> Named<'_, raw::Audience> {
        self.named(cx, "audiences", |raw| raw.audiences.as_ref(), |raw| raw.audiences.as_ref())
    }

    pub(crate) fn messages(&self, cx: &mut Context<'_>) -> Named<'_, raw::Message> {
        self.named(cx, "messages", |raw| raw.messages.as_ref(), |raw| raw.messages.as_ref())
    }

    /// The entries of a list: those of the environment, if it has some, or else those of all
    /// files.
    fn listed<'a, T>(
        &'a self,
        field: &str,
        base: impl Fn(&'a raw::File) -> Option<&'a Vec<T>>,
        over: impl Fn(&'a raw::Environment) -> Option<&'a Vec<T>>,
    ) -> Vec<Layer<'a, T>> {
        let layers = |list: &'a Vec<T>, at: SourcePath| {
            let at = at.child(field);
            let items = list.iter().enumerate();
            items
                .map(|(index, raw)| Layer { raw, at: at.child(index), faulty: false })
                .collect::<Vec<_>>()
        };
        if let Some((raw, at)) = self.overlay()
            && let Some(list) = over(raw)
        {
            return layers(list, at);
        }
        let lists = self
            .files
            .iter()
            .filter_map(|file| Some(layers(base(&file.document.raw)?, file.source.clone())));
        lists.flatten().collect()
    }

    pub(crate) fn moved(&self) -> Vec<Layer<'_, raw::Move>> {
        self.listed("moved", |raw| raw.moved.as_ref(), |raw| raw.moved.as_ref())
    }

    pub(crate) fn imports(&self) -> Vec<Layer<'_, raw::Import>> {
        self.listed("import", |raw| raw.import.as_ref(), |raw| raw.import.as_ref())
    }

    pub(crate) fn removed(&self) -> Vec<Layer<'_, raw::Removed>> {
        self.listed("removed", |raw| raw.removed.as_ref(), |raw| raw.removed.as_ref())
    }

    /// Variables, the base first.
    pub(crate) fn vars(&self) -> Vec<&[(String, Var)]> {
        let base = self.main().and_then(|main| main.document.raw.vars.as_ref());
        let over = self.overlay().and_then(|(raw, _)| raw.vars.as_ref());
        base.into_iter().chain(over).map(|Entries(vars)| &vars[..]).collect()
    }
}
