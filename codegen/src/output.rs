//! From the files of the project to the files of the project: one pass of the generator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::contract::Contract;
use crate::facts::Profile;
use crate::layout::Layouts;
use crate::lock::{Lock, PACKAGE_FOLDER};
use crate::schema::Schema;
use crate::{Error, proto, reference};

/// Where the project keeps what the generator reads and writes.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Paths of the project below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Folder of the schema.
    #[must_use]
    pub fn schema(&self) -> PathBuf {
        self.root.join("schema")
    }

    /// The compiled schema.
    #[must_use]
    pub fn compiled_schema(&self) -> PathBuf {
        self.schema().join("schema.bin")
    }

    /// Folder of the profiles.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.schema().join("profiles")
    }

    /// Compiles the schema in `folder` with the `capnp` tool; `None` where it is not installed.
    ///
    /// # Errors
    /// When the tool refuses the schema.
    pub fn compile_schema(folder: &Path) -> Result<Option<Vec<u8>>, Error> {
        let mut files = capnp_files(folder, folder)?;
        files.extend(capnp_files(folder, &folder.join("mp"))?);
        let output = Command::new("capnp")
            .args(["compile", "-I.", "-o-", "--src-prefix=."])
            .args(files)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(Some(output.stdout)),
            Ok(output) => Err(Error::schema(String::from_utf8_lossy(&output.stderr))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(Path::new("capnp"), error)),
        }
    }

    /// Include root of the contract.
    #[must_use]
    pub fn proto(&self) -> PathBuf {
        self.root.join("proto")
    }

    /// Folder of the contract's pages.
    #[must_use]
    pub fn reference(&self) -> PathBuf {
        self.root.join("docs/api")
    }
}

/// All that one pass derives.
#[derive(Debug)]
pub struct Generated {
    /// The schema it was derived from.
    pub schema: Schema,
    /// The generations it was derived for.
    pub profiles: Vec<Profile>,
    /// The contract, with locked numbers.
    pub contract: Contract,
    /// Layouts and availability by generation.
    pub layouts: Layouts,
    /// Text of the committed files, by path.
    pub files: BTreeMap<PathBuf, String>,
}

impl Generated {
    /// Reads the project's schema and profiles and derives everything from them.
    ///
    /// # Errors
    /// When something cannot be read, or has no rule.
    pub fn derive(paths: &Paths) -> Result<Self, Error> {
        let compiled = paths.compiled_schema();
        let bytes = std::fs::read(&compiled).map_err(|e| Error::io(&compiled, e))?;
        let schema = Schema::read(&bytes)?;
        let profiles = Profile::read_all(&paths.profiles())?;
        let mut contract = Contract::build(&schema)?;
        let lock = Lock::read(&paths.proto())?;
        lock.apply(&mut contract);
        let folder = paths.proto().join(PACKAGE_FOLDER);
        let protos = proto::files(&contract, &schema, &lock).into_iter();
        let mut files: BTreeMap<_, _> =
            protos.map(|(name, text)| (folder.join(name), text)).collect();
        let pages = reference::files(&contract, &schema, &lock).into_iter();
        files.extend(pages.map(|(name, text)| (paths.reference().join(name), text)));
        let layouts = Layouts::build(&schema, &profiles)?;
        files.insert(paths.schema().join("variants.capnp"), layouts.variants_file(&schema));
        Ok(Self { schema, profiles, contract, layouts, files })
    }

    /// Files whose text on disk is not what the generator would write.
    #[must_use]
    pub fn drift(&self) -> Vec<PathBuf> {
        let differs = |(path, text): &(&PathBuf, &String)| {
            std::fs::read_to_string(path).map_or(true, |found| found != **text)
        };
        self.files.iter().filter(differs).map(|(path, _)| path.clone()).collect()
    }

    /// Writes the files that drifted.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self) -> Result<Vec<PathBuf>, Error> {
        let drift = self.drift();
        for path in &drift {
            write(path, &self.files[path])?;
        }
        Ok(drift)
    }
}

/// Schema files of a folder, sorted, as paths below `root`.
fn capnp_files(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|e| e.path()));
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "capnp"))
        .filter_map(|path| path.strip_prefix(root).ok().map(Path::to_path_buf))
        .collect();
    files.sort();
    Ok(files)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    std::fs::write(path, text).map_err(|e| Error::io(path, e))
}
