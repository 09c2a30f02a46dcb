//! A whole model: which files it needs, whether there is room for them, one after another.

use std::path::PathBuf;

use crate::contents::{
    CONFIG, INDEX, Missing, TOKENIZER, TOKENIZER_PARTS, WEIGHTS, missing, shards,
};
use crate::download::Downloader;
use crate::http::Client;
use crate::remote::Remote;
use crate::repo::Repo;
use crate::{Event, Hub, HubError, ModelId, Progress};

/// Where a model was found in the cache, complete or not.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) repo: Repo,
    pub(crate) commit: String,
    pub(crate) missing: Missing,
}

impl Found {
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.repo.snapshot(&self.commit)
    }
}

/// Looks for the model in the cache: the most complete of the places where it may be.
pub(crate) fn look(hub: &Hub, id: &ModelId) -> Option<Found> {
    let found = Repo::candidates(hub.cache(), id).filter_map(|repo| {
        let commit = repo.commit(id.revision())?;
        let missing = missing(&repo, id, &commit);
        Some(Found { repo, commit, missing })
    });
    // The first of equals: `min_by_key` keeps it.
    found.min_by_key(|found| (!found.missing.model.is_empty(), !found.missing.nothing()))
}

pub(crate) fn fetch(hub: &Hub, id: &ModelId, progress: &dyn Progress) -> Result<PathBuf, HubError> {
    if hub.offline {
        return found(hub, id).map(|found| found.snapshot());
    }
    match look(hub, id) {
        Some(found) if found.missing.nothing() && !hub.refresh => Ok(found.snapshot()),
        Some(found) if found.missing.nothing() => match online(hub, id, Some(&found), progress) {
            Err(error) if error.is_transient() => {
                progress.event(&Event::Unreachable { error: &error });
                Ok(found.snapshot())
            }
            result => result,
        },
        found => online(hub, id, found.as_ref(), progress),
    }
}

/// The model in the cache, if it can be loaded. It may lack its tokenizer: it can be run on token
/// ids, and where this is called there is nowhere to get the tokenizer from.
pub(crate) fn found(hub: &Hub, id: &ModelId) -> Result<Found, HubError> {
    let missing = match look(hub, id) {
        Some(found) if found.missing.model.is_empty() => return Ok(found),
        Some(found) => found.missing.model,
        None => vec![CONFIG.to_owned(), WEIGHTS.to_owned()],
    };
    Err(HubError::NotCached { id: id.to_string(), cache: hub.cache().to_owned(), missing })
}

fn online(
    hub: &Hub,
    id: &ModelId,
    found: Option<&Found>,
    progress: &dyn Progress,
) -> Result<PathBuf, HubError> {
    // Whatever folder has the weights keeps them: a model that Python cached under its short name
    // is not fetched again under the long one.
    let repo = match found {
        Some(found) if found.missing.model.is_empty() => found.repo.clone(),
        _ => Repo::named(hub.cache(), id),
    };
    let downloader = Downloader {
        client: Client::new(hub),
        repo,
        retry: hub.retry,
        symlinks: hub.symlinks,
        progress,
    };
    let fetch = Fetch { hub, id, downloader };
    // The rest of what is half here comes from the same commit, whatever the branch is by now.
    let known = found.filter(|found| !hub.refresh && found.missing.model.is_empty());
    fetch.run(known.map(|found| found.commit.as_str()))
}

struct Fetch<'a> {
    hub: &'a Hub,
    id: &'a ModelId,
    downloader: Downloader<'a>,
}

/// A file that a snapshot needs and what the hub said of it.
type Wanted = (String, Remote);

impl Fetch<'_> {
    fn run(&self, known: Option<&str>) -> Result<PathBuf, HubError> {
        let mut wanted = Vec::new();
        let commit = match known {
            Some(commit) => {
                wanted.extend(self.want(commit, CONFIG)?);
                commit.to_owned()
            }
            None => {
                // Everything else is asked for at the commit that this one is at.
                let config = self.ask(self.id.revision(), CONFIG)?;
                let commit = config.commit.clone();
                wanted.push((CONFIG.to_owned(), config));
                commit
            }
        };
        self.want_tokenizer(&commit, &mut wanted)?;
        self.want_weights(&commit, &mut wanted)?;
        wanted.retain(|(file, remote)| !self.downloader.is_here(file, remote));
        self.plan(&commit, &wanted)?;
        for (file, remote) in &wanted {
            self.downloader.download(file, remote)?;
        }
        let repo = &self.downloader.repo;
        repo.remember(self.id.revision(), &commit)?;
        Ok(repo.snapshot(&commit))
    }

    fn want_weights(&self, commit: &str, wanted: &mut Vec<Wanted>) -> Result<(), HubError> {
        if self.has(commit, WEIGHTS) {
            return Ok(());
        }
        if !self.has(commit, INDEX) {
            if let Some(remote) = self.ask_optional(commit, WEIGHTS)? {
                wanted.push((WEIGHTS.to_owned(), remote));
                return Ok(());
            }
            let Some(remote) = self.ask_optional(commit, INDEX)? else {
                let url = self.hub.resolve_url(self.id, commit, "")?.to_string();
                return Err(HubError::NoSafetensors { url, repository: self.id.repository() });
            };
            self.downloader.download(INDEX, &remote)?;
        }
        for shard in shards(&self.downloader.repo.snapshot(commit).join(INDEX))? {
            if let Some(shard) = self.want(commit, &shard)? {
                wanted.push(shard);
            }
        }
        Ok(())
    }

    fn want_tokenizer(&self, commit: &str, wanted: &mut Vec<Wanted>) -> Result<(), HubError> {
        if self.has(commit, TOKENIZER) {
            return Ok(());
        }
        if let Some(remote) = self.ask_optional(commit, TOKENIZER)? {
            wanted.push((TOKENIZER.to_owned(), remote));
            return Ok(());
        }
        for file in TOKENIZER_PARTS {
            if !self.has(commit, file)
                && let Some(remote) = self.ask_optional(commit, file)?
            {
                wanted.push((file.to_owned(), remote));
            }
        }
        Ok(())
    }

    /// Whether the file need not be asked about: a snapshot never changes. A refresh asks, to find
    /// files that something cut short.
    fn has(&self, commit: &str, file: &str) -> bool {
        !self.hub.refresh && self.downloader.repo.has_whole(self.id, commit, file)
    }

    /// A file that the model cannot be without, unless it is here.
    fn want(&self, commit: &str, file: &str) -> Result<Option<Wanted>, HubError> {
        if self.has(commit, file) {
            return Ok(None);
        }
        Ok(Some((file.to_owned(), self.ask(commit, file)?)))
    }

    /// A file that the model may be without; that it is gets remembered, as Python does.
    fn ask_optional(&self, commit: &str, file: &str) -> Result<Option<Remote>, HubError> {
        if self.downloader.repo.known_absent(commit, file) {
            return Ok(None);
        }
        match self.ask(commit, file) {
            Ok(remote) => Ok(Some(remote)),
            Err(HubError::NotFound { what, .. }) if what.ends_with("file") => {
                self.downloader.repo.mark_absent(commit, file)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks, and again if the hub is busy.
    fn ask(&self, revision: &str, file: &str) -> Result<Remote, HubError> {
        let Downloader { client, retry, progress, .. } = &self.downloader;
        let mut failures = 0;
        loop {
            let error = match Remote::ask(client, self.hub, self.id, revision, file) {
                Ok(remote) => return Ok(remote),
                Err(error) => error,
            };
            failures += 1;
            let Some(wait) = retry.wait(failures, &error) else { return Err(error) };
            progress.event(&Event::Retrying { file, failures, wait, error: &error });
            std::thread::sleep(wait);
        }
    }

    /// Tells what will come, if there is room for it.
    fn plan(&self, commit: &str, wanted: &[Wanted]) -> Result<(), HubError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let Downloader { repo, progress, .. } = &self.downloader;
        let bytes = wanted.iter().map(|(file, remote)| self.downloader.remaining(file, remote));
        let bytes = bytes.fold(0, u64::saturating_add);
        repo.prepare(commit)?;
        let dir = repo.snapshot(commit);
        // Where the system does not say how much is free, the download will.
        if let Some(available) =
            fs4::available_space(&dir).ok().filter(|available| *available < bytes)
        {
            return Err(HubError::DiskFull {
                path: dir,
                needed: bytes,
                available: Some(available),
            });
        }
        progress.event(&Event::Planned { commit, files: wanted.len(), bytes });
        Ok(())
    }
}
