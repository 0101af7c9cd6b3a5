//! A store in memory whose operations fail on demand.
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing happens.
    Before,
    /// It happens, and the answer is lost.
    After,
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<String>,
    /// The operation of this number fails, and if so all after it.
    fails: Option<(usize, How, bool)>,
    ignores_conditions: bool,
}

/// The store; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faulty {
    inner: Arc<InMemory>,
    state: Arc<Mutex<State>>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The operations so far: what and on which object.
    pub fn operations(&self) -> Vec<String> {
        self.state().operations.clone()
    }

    /// Operation number `at` from now on fails, and all after it unless it alone.
    pub fn fail(&self, at: usize, how: How, alone: bool) {
        let mut state = self.state();
        state.fails = Some((state.operations.len() + at, how, alone));
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.state().fails = None;
    }

    /// Objects are replaced though a condition forbids it.
    pub fn ignore_conditions(&self) {
        self.state().ignores_conditions = true;
    }

    /// Names of all objects.
    pub fn names(&self) -> Vec<String> {
        let listing = self.inner.list(None).map(|meta| meta.unwrap().location.to_string());
        let mut names: Vec<String> = futures_util::FutureExt::now_or_never(listing.collect()).unwrap();
        names.sort();
        names
    }

    /// Changes one byte of an object.
    pub async fn corrupt(&self, name: &str, at: usize) {
        let path = Path::from(name);
        let got = self.inner.get_opts(&path, GetOptions::default()).await.unwrap().bytes().await.unwrap();
        let mut bytes = got.to_vec();
        bytes[at] ^= 0x20;
        self.inner.put_opts(&path, bytes.into(), PutOptions::default()).await.unwrap();
    }

    /// Counts an operation; how it fails.
    fn begin(&self, what: &str, path: &Path) -> Option<How> {
        let mut state = self.state();
        let number = state.operations.len();
        state.operations.push(format!("{what} {path}"));
        let (at, how, alone) = state.fails?;
        (number == at || (number > at && !alone)).then_some(how)
    }

    async fn run<T>(&self, what: &str, path: &Path, work: impl Future<Output = Result<T>>) -> Result<T> {
        let fails = self.begin(what, path);
        let failure = || Error::Generic { store: "faulty", source: "injected".into() };
        match fails {
            Some(How::Before) => Err(failure()),
            Some(How::After) => work.await.and_then(|_| Err(failure())),
            None => work.await,
        }
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.state().ignores_conditions {
            options.mode = PutMode::Overwrite;
        }
        self.run("put", at, self.inner.put_opts(at, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.run("put", at, self.inner.put_multipart_opts(at, options)).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let what = if options.head { "head" } else { "get" };
        self.run(what, at, self.inner.get_opts(at, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let each = move |path: Result<Path>| {
            let this = this.clone();
            async move {
                let path = path?;
                let removed = async {
                    let one = futures_util::stream::once(std::future::ready(Ok(path.clone()))).boxed();
                    this.inner.delete_stream(one).next().await.unwrap_or(Ok(path.clone()))
                };
                this.run("delete", &path, removed).await
            }
        };
        paths.then(each).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let path = prefix.cloned().unwrap_or_default();
        if self.begin("list", &path).is_some() {
            let failure = Error::Generic { store: "faulty", source: "injected".into() };
            return futures_util::stream::once(std::future::ready(Err(failure))).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.cloned().unwrap_or_default();
        self.run("list", &path, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.run("copy", from, self.inner.copy_opts(from, to, options)).await
    }
}
