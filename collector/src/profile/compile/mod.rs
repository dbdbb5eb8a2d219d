//! From a profile as it is written to one that can be evaluated.
//!
//! Everything that is wrong is reported, each mistake with its path: names that don't exist, metrics
//! and labels that the catalogue lacks, OIDs and regular expressions that aren't any, columns that
//! nobody reads (a device would be asked in vain), and circles.

mod circles;
mod fields;
mod readings;
mod template;

use std::collections::HashSet;

use crate::yaml::Path;

use super::field::FieldId;
use super::format;
use super::program::{Alternative, DeviceTemplates, Head, Names, Output, Program, Template};
use super::rows::{SCALARS, Shape};
use super::source::Oid;

/// One mistake in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What it is about.
    pub(super) path: Path,
    /// What is wrong, and what to write.
    pub(super) message: String,
}

/// Compiles a profile.
///
/// # Errors
/// All mistakes there are.
pub(super) fn compile(profile: &format::Profile) -> Result<(Head, Program), Vec<Mistake>> {
    let mut compiler = Compiler::default();
    compiler.declare(profile);
    compiler.fields(profile);
    compiler.outputs(profile);
    let device = compiler.device(&profile.device);
    let alternatives = compiler.alternatives(&profile.matches);
    compiler.refuse_circles();
    compiler.refuse_unused();
    if !compiler.mistakes.is_empty() {
        return Err(compiler.mistakes);
    }
    for (shape, output) in compiler.shapes.iter().zip(&mut compiler.outputs) {
        output.inputs = super::memory::inputs(shape, output);
    }
    let head = Head {
        name: profile.name.clone(),
        description: profile.description.clone(),
        alternatives,
        replaces: profile.replaces.clone(),
        tables: compiler.shapes.iter().skip(1).map(|shape| shape.name.clone()).collect(),
    };
    Ok((head, Program { shapes: compiler.shapes, outputs: compiler.outputs, device }))
}

/// What is known of a profile while it is compiled. Shapes, names and joins stand side by side.
#[derive(Default)]
struct Compiler {
    shapes: Vec<Shape>,
    paths: Vec<Path>,
    names: Vec<Names>,
    /// Names of joins, and of the parts of the index, by position.
    joins: Vec<Vec<String>>,
    outputs: Vec<Output>,
    /// Columns and scalars that a person declared, with their path.
    declared: Vec<(usize, FieldId, Path)>,
    used: HashSet<(usize, FieldId)>,
    mistakes: Vec<Mistake>,
}

impl Compiler {
    fn mistake(&mut self, path: &Path, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.clone(), message: message.into() });
    }

    fn oid(&mut self, path: &Path, text: &str) -> Option<Oid> {
        match text.parse::<Oid>() {
            Ok(oid) => Some(oid),
            Err(error) => {
                self.mistake(path, error.to_string());
                None
            }
        }
    }

    fn regex(&mut self, path: &Path, text: &str) -> Option<regex_lite::Regex> {
        match regex_lite::Regex::new(text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.mistake(path, format!("not a regular expression: {error}"));
                None
            }
        }
    }

    fn table(&self, name: &str) -> Option<usize> {
        self.shapes.iter().skip(1).position(|shape| shape.name == name).map(|at| at + 1)
    }

    /// Makes an empty shape for the scalars and for each table and group.
    fn declare(&mut self, profile: &format::Profile) {
        let root = Path::root();
        self.push_shape("", root.key("scalars"));
        for name in profile.tables.keys() {
            self.push_shape(name, root.key("tables").key(name));
        }
        for name in profile.groups.keys() {
            let path = root.key("groups").key(name);
            if profile.tables.contains_key(name) {
                self.mistake(&path, "a table has the same name: choose another");
            }
            self.push_shape(name, path);
        }
    }

    fn push_shape(&mut self, name: &str, path: Path) {
        self.shapes.push(Shape { name: name.to_owned(), ..Shape::default() });
        self.paths.push(path);
        self.names.push(Names::new());
        self.joins.push(Vec::new());
        self.outputs.push(Output::default());
    }

    fn alternatives(&mut self, matches: &[format::Match]) -> Vec<Alternative> {
        let root = Path::root().key("match");
        if matches.is_empty() {
            self.mistake(
                &root,
                "matches no device: name a sysObjectID, a sysDescr or an object that is present",
            );
        }
        let mut alternatives = Vec::new();
        for (at, one) in matches.iter().enumerate() {
            let path = root.index(at);
            if one.sys_object_id.is_empty() && one.sys_descr.is_none() && one.present.is_none() {
                self.mistake(
                    &path,
                    "matches every device: name a sysObjectID, a sysDescr or an object that is present",
                );
            }
            let ids = path.key("sysObjectID");
            let numbered = one.sys_object_id.iter().enumerate();
            let object_ids = numbered.filter_map(|(at, id)| self.oid(&ids.index(at), id)).collect();
            let descr = one.sys_descr.as_ref();
            let present = one.present.as_ref();
            alternatives.push(Alternative {
                object_ids,
                descr: descr.and_then(|text| self.regex(&path.key("sysDescr"), text)),
                present: present.and_then(|text| self.oid(&path.key("present"), text)),
            });
        }
        alternatives
    }

    fn device(&mut self, device: &format::DeviceInfo) -> DeviceTemplates {
        let path = Path::root().key("device");
        let mut template = |key: &str, texts: &Option<format::OneOrMany<String>>| {
            texts.as_ref().map_or_else(Template::default, |texts| {
                self.template(SCALARS, &path.key(key), texts.as_slice())
            })
        };
        DeviceTemplates {
            vendor: template("vendor", &device.vendor),
            model: template("model", &device.model),
            serial: template("serial", &device.serial),
            firmware: template("firmware", &device.firmware),
        }
    }

    fn refuse_unused(&mut self) {
        for (table, field, path) in std::mem::take(&mut self.declared) {
            if !self.used.contains(&(table, field)) {
                self.mistake(&path, "nothing reads this: use it, or take it away to spare the device");
            }
        }
    }
}
