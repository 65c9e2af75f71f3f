//! Files that came with a request.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempPath;

/// The files of one request, by the names of their parts. They are gone with the last clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads(Arc<HashMap<String, Upload>>);

/// A file, kept on disk.
#[derive(Clone, Debug)]
pub(crate) struct Upload(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file_name: String,
    content_type: Option<String>,
    size: u64,
    path: TempPath,
}

impl Uploads {
    pub(crate) fn new(uploads: HashMap<String, Upload>) -> Self {
        Self(Arc::new(uploads))
    }

    /// The file that a document names.
    pub(crate) fn get(&self, name: &str) -> Option<&Upload> {
        self.0.get(name)
    }
}

impl Upload {
    pub(crate) fn new(file_name: String, content_type: Option<String>, size: u64, path: TempPath) -> Self {
        Self(Arc::new(Inner { file_name, content_type, size, path }))
    }

    /// Its name at the client, which may be anything.
    pub(crate) fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// What the client says it is.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.0.content_type.as_deref()
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.size
    }

    /// Where it is, as long as any clone lives.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }
}
