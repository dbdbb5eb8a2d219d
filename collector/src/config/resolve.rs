//! From the file as written to the configuration: what its parts mean together.
//!
//! Goes on after mistakes, so that all of them are reported at once. What was wrong in form is not
//! reported a second time for what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::discovery::{files, http};
use super::file::{File, Settings};
use super::flaw::Flaw;
use super::logins::Login;
use super::rules::Rules;
use super::{Config, DEFAULT_LISTEN, Site, Surroundings, WantedFirmware, Web, credentials, file, forwarding};
use crate::firmware::baseline::Baseline;
use crate::target::{Credentials, Protocol, Target};
use crate::yaml::{Document, Lenient, MAX_PROBLEMS, Path, Problems};

/// Name that stands for a target while defaults are tried out.
const TRIAL: &str = "trial";

pub(super) fn resolve(
    file: File,
    text: &str,
    document: &Document,
    problems: Problems,
    around: &Surroundings<'_>,
) -> Result<Config, Problems> {
    let mut resolver = Resolver { document, around, problems };
    let site = file.site.0.map(|site| Site { name: site.name, kind: site.kind, region: site.region });
    let site = site.unwrap_or_default();
    let web = resolver.web(file.web);
    let profile_dirs = resolver.profile_dirs(file.profile_dirs);
    let firmware = resolver.firmware(file.firmware);
    let credentials = resolver.credentials(file.credentials);
    let rules = Arc::new(Rules {
        folder: around.folder.to_owned(),
        site: site.name.clone(),
        defaults: file.defaults,
        credentials,
    });
    resolver.defaults(&rules, Settings::default(), &Path::root().key("defaults"));
    let targets = resolver.targets(&rules, file.targets);
    let target_files = resolver.sources("target_files", file.target_files, |resolver, source, path| {
        resolver.defaults(&rules, source.defaults.clone(), &path.key("defaults"));
        files::Source::new(source, path.to_string(), Arc::clone(&rules))
    });
    let target_http = resolver.sources("target_http", file.target_http, |resolver, source, path| {
        resolver.defaults(&rules, source.defaults.clone(), &path.key("defaults"));
        http::Source::new(source, path.to_string(), Arc::clone(&rules), around)
    });
    let state_dir = file.state_dir.map(|path| around.folder.join(path));
    let buffer = resolver.buffer(file.buffer, state_dir.as_deref());
    let destinations = resolver.destinations(file.destinations, buffer.is_some());
    let config = Config {
        site,
        web,
        state_dir,
        profile_dirs,
        firmware,
        targets,
        target_files,
        target_http,
        buffer,
        destinations,
        hash: hash(text),
    };
    resolver.problems.into_result(config)
}

/// Bytes of the hash that are shown: enough to tell configurations apart.
const HASH_BYTES: usize = 8;

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

struct Resolver<'a> {
    document: &'a Document,
    around: &'a Surroundings<'a>,
    problems: Problems,
}

impl Resolver<'_> {
    fn note(&mut self, path: &Path, message: impl Into<String>, help: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(self.document.problem(path, message, help));
        }
    }

    fn flaws(&mut self, path: &Path, flaws: Vec<Flaw>) {
        for flaw in flaws {
            let keys = flaw.field.split('.').filter(|key| !key.is_empty());
            let path = keys.fold(path.clone(), |path, key| path.key(key));
            self.note(&path, flaw.message, flaw.help);
        }
    }

    fn web(&mut self, written: file::Web) -> Web {
        let path = Path::root().key("web");
        let listen = written.listen.map_or(Some(DEFAULT_LISTEN), |text| text.parse::<SocketAddr>().ok());
        if listen.is_none() {
            let help = "write an IP address and a port, for example 127.0.0.1:9808, or 0.0.0.0:9808 for all";
            self.note(&path.key("listen"), "expected an IP address with a port", help);
        }
        let config_file = written.config_file.map(|path| self.around.folder.join(path));
        if let Some(error) = config_file.as_ref().and_then(|file| fs::File::open(file).err()) {
            let message = format!("cannot read the file: {error}");
            self.note(&path.key("config_file"), message, "name a readable file, or leave the key out");
        }
        Web { listen: listen.unwrap_or(DEFAULT_LISTEN), config_file, timestamps: written.timestamps }
    }

    /// Mistakes in the baseline are mistakes of the configuration.
    fn firmware(&mut self, written: file::Firmware) -> Option<WantedFirmware> {
        let path = self.around.folder.join(written.baseline?);
        if let Err(error) = fs::File::open(&path) {
            let key = Path::root().key("firmware").key("baseline");
            let message = format!("cannot read the file: {error}");
            self.note(&key, message, "name a readable file, or leave the key out");
            return None;
        }
        match Baseline::load(&path) {
            Ok(baseline) => Some(WantedFirmware { path, baseline: Arc::new(baseline) }),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn profile_dirs(&mut self, written: Vec<Lenient<PathBuf>>) -> Vec<PathBuf> {
        let paths = written.into_iter().map(|path| path.0.map(|path| self.around.folder.join(path)));
        let paths: Vec<Option<PathBuf>> = paths.collect();
        for (index, path) in paths.iter().enumerate() {
            if path.as_ref().is_some_and(|path| !path.is_dir()) {
                let path = Path::root().key("profile_dirs").index(index);
                self.note(&path, "there is no such folder", "create it, or leave the entry out");
            }
        }
        paths.into_iter().flatten().collect()
    }

    fn credentials(
        &mut self,
        written: BTreeMap<String, Lenient<Login>>,
    ) -> BTreeMap<String, Option<Credentials>> {
        let mut resolved = BTreeMap::new();
        for (name, login) in written {
            let result = login.0.map(|login| credentials::resolve(&login, self.around));
            let credentials = match result {
                Some(Ok(credentials)) => Some(credentials),
                Some(Err(mut flaws)) => {
                    let path = Path::root().key("credentials").key(&name);
                    // A secret that is missing where it was written in a wrong way was answered already.
                    flaws.retain(|flaw| !self.problems.touch(&field_path(&path, flaw)));
                    self.flaws(&path, flaws);
                    None
                }
                None => None,
            };
            resolved.insert(name, credentials);
        }
        resolved
    }

    /// Tries out what a block of defaults says by itself, so that a mistake is reported there and once.
    fn defaults(&mut self, rules: &Rules, own: Settings, path: &Path) {
        let Err(flaws) = rules.target(TRIAL, TRIAL, own) else { return };
        let written = |flaw: &Flaw| self.document.has(&field_path(path, flaw));
        let flaws: Vec<Flaw> = flaws.into_iter().filter(written).collect();
        let flaws = self.without_known(path, flaws);
        self.flaws(path, flaws);
    }

    fn targets(&mut self, rules: &Rules, written: Vec<Lenient<file::Target>>) -> Vec<Target> {
        let list = Path::root().key("targets");
        let mut targets = Vec::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (index, target) in written.into_iter().enumerate() {
            let Some(file::Target { name, address, settings }) = target.0 else { continue };
            let path = list.index(index);
            if let Some(first) = names.get(&name) {
                let line = self.document.place(&list.index(*first).key("name")).line;
                let message = format!("{name:?} is the name of targets[{first}] in line {line} already");
                self.note(&path.key("name"), message, "give each target its own name");
            } else {
                names.insert(name.clone(), index);
            }
            self.unused(&settings, rules, &path);
            match rules.target(&name, &address, settings) {
                Ok(target) => targets.push(target),
                Err(flaws) => {
                    let flaws = self.without_known(&path, flaws);
                    self.flaws(&path, flaws);
                }
            }
        }
        targets
    }

    /// What a target says that its protocol has no use for. Defaults may: they are for many protocols.
    fn unused(&mut self, settings: &Settings, rules: &Rules, path: &Path) {
        let Some(protocol) = settings.protocol.or(rules.defaults.protocol).map(Protocol::from) else {
            return;
        };
        let name = match protocol {
            Protocol::Snmp => "SNMP",
            Protocol::Ipmi => "IPMI",
            Protocol::Redfish => "Redfish",
        };
        if let Some(fallback) = settings.fallback.as_ref().filter(|fallback| !fallback.fits(protocol)) {
            let message = format!("{} cannot stand in for {name}", fallback.protocol().as_str());
            let help = "Redfish and IPMI stand in for each other; leave the fallback out elsewhere";
            self.note(&path.key("fallback").key("protocol"), message, help);
        }
        let fallback = settings.fallback.as_ref().or(rules.defaults.fallback.as_ref());
        let has_tls = |protocol| protocol == Protocol::Redfish;
        let uses_tls =
            has_tls(protocol) || fallback.is_some_and(|it| it.fits(protocol) && has_tls(it.protocol()));
        if settings.tls.is_some() && !uses_tls {
            self.note(&path.key("tls"), format!("{name} has no TLS"), "leave it out");
        }
    }

    /// Leaves out what follows from a mistake that is reported already, here or in the defaults.
    fn without_known(&self, path: &Path, flaws: Vec<Flaw>) -> Vec<Flaw> {
        let defaults = Path::root().key("defaults");
        let known = |flaw: &Flaw| {
            let own = field_path(path, flaw);
            let inherited = !self.document.has(&own) && self.problems.touch(&field_path(&defaults, flaw));
            inherited || self.problems.touch(&own)
        };
        flaws.into_iter().filter(|flaw| !known(flaw)).collect()
    }

    fn buffer(
        &mut self,
        written: Option<Lenient<forwarding::file::Buffer>>,
        state_dir: Option<&std::path::Path>,
    ) -> Option<forwarding::Buffer> {
        let written = written?.0?;
        let result = forwarding::resolve::buffer(written, state_dir, self.around);
        result.map_err(|flaws| self.flaws(&Path::root().key("buffer"), flaws)).ok()
    }

    fn destinations(
        &mut self,
        written: Vec<Lenient<forwarding::file::Destination>>,
        buffered: bool,
    ) -> Vec<forwarding::Destination> {
        let list = Path::root().key("destinations");
        if !written.is_empty() && !buffered && !self.document.has(&Path::root().key("buffer")) {
            let help = "add buffer: {dir: PATH}, where readings wait while a destination is away";
            self.note(&list, "destinations need a buffer", help);
        }
        let mut names = BTreeSet::new();
        let mut destinations = Vec::new();
        for (index, written) in written.into_iter().enumerate() {
            let Some(written) = written.0 else { continue };
            let path = list.index(index);
            if !names.insert(written.name.clone()) {
                let message = format!("{:?} is the name of another destination already", written.name);
                self.note(&path.key("name"), message, "give each destination its own name");
            }
            match forwarding::resolve::destination(written, self.around) {
                Ok(destination) => destinations.push(destination),
                Err(flaws) => self.flaws(&path, flaws),
            }
        }
        destinations
    }

    fn sources<W, S>(
        &mut self,
        key: &str,
        written: Vec<Lenient<W>>,
        mut make: impl FnMut(&mut Self, W, &Path) -> Result<S, Vec<Flaw>>,
    ) -> Vec<S> {
        let mut sources = Vec::new();
        for (index, source) in written.into_iter().enumerate() {
            let Some(source) = source.0 else { continue };
            let path = Path::root().key(key).index(index);
            match make(self, source, &path) {
                Ok(source) => sources.push(source),
                Err(flaws) => self.flaws(&path, flaws),
            }
        }
        sources
    }
}

fn field_path(path: &Path, flaw: &Flaw) -> Path {
    match flaw.field.split('.').next() {
        Some(key) if !key.is_empty() => path.key(key),
        _ => path.clone(),
    }
}
