//! From `klamm.remote.url` to a store. Credentials come from each cloud's usual environment variables.
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::store::Store;

/// Why an URL cannot be used. The message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none that is known.
    #[error(
        "klamm.remote.url: `{0}` is not of the form s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///directory"
    )]
    Url(String),
    /// Support for that cloud was left out when this program was built.
    #[error("klamm.remote.url: this Klamm was built without {0}: build it with --features {1}")]
    LeftOut(&'static str, &'static str),
    /// Something is missing or wrong for that store.
    #[error("klamm.remote.url: {0}")]
    Store(String),
}

/// What an URL means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    /// Bucket or container; empty for a directory.
    bucket: String,
    /// What comes after it, without the first slash.
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    S3,
    Gs,
    Az,
    File,
}

impl Target {
    /// Reads an URL.
    ///
    /// # Errors
    /// [`ConnectError::Url`].
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let wrong = || ConnectError::Url(url.to_owned());
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme {
            "s3" | "s3a" => Scheme::S3,
            "gs" => Scheme::Gs,
            "az" | "abfs" | "abfss" => Scheme::Az,
            "file" => Scheme::File,
            _ => return Err(wrong()),
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_file = scheme == Scheme::File;
        if bucket.is_empty() != is_file || (is_file && path.is_empty()) || rest.contains(['?', '#']) {
            return Err(wrong());
        }
        let path = path.trim_matches('/').to_owned();
        Ok(Self { scheme, bucket: bucket.to_owned(), path })
    }

    /// The directory of a `file:` URL, which must exist before [`connect`](Self::connect).
    #[must_use]
    pub fn directory(&self) -> Option<PathBuf> {
        (self.scheme == Scheme::File).then(|| PathBuf::from(format!("/{}", self.path)))
    }

    /// The store. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&self, is_conditional: bool) -> Result<Store, ConnectError> {
        let (inner, prefix): (Arc<dyn ObjectStore>, _) = match (self.scheme, self.directory()) {
            (_, Some(dir)) => {
                let store = LocalFileSystem::new_with_prefix(dir).map_err(|error| says(&error))?;
                (Arc::new(store.with_fsync(true).with_automatic_cleanup(true)), Path::default())
            }
            (scheme, None) => {
                (cloud(scheme, &self.bucket)?, Path::parse(&self.path).map_err(|error| says(&error))?)
            }
        };
        Ok(Store::new(inner, prefix, is_conditional))
    }
}

fn says(error: &dyn std::fmt::Display) -> ConnectError {
    ConnectError::Store(error.to_string())
}

#[cfg(feature = "cloud")]
fn options() -> (object_store::RetryConfig, object_store::ClientOptions) {
    use std::time::Duration;
    // Work is repeated by whoever asked for it, with pauses that grow: here only what a single fault costs.
    let retry = object_store::RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(60),
        ..Default::default()
    };
    let client = object_store::ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(20))
        .with_timeout(Duration::from_secs(300));
    (retry, client)
}

fn cloud(scheme: Scheme, bucket: &str) -> Result<Arc<dyn ObjectStore>, ConnectError> {
    #[cfg(feature = "cloud")]
    {
        // Taken already by an earlier call: just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    match scheme {
        #[cfg(feature = "s3")]
        Scheme::S3 => {
            let (retry, client) = options();
            let allow_http = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|url| url.starts_with("http:"))
                || std::env::var("AWS_ENDPOINT").is_ok_and(|url| url.starts_with("http:"));
            let built = object_store::aws::AmazonS3Builder::from_env()
                .with_client_options(client.with_allow_http(allow_http))
                .with_bucket_name(bucket)
                .with_retry(retry)
                .build();
            Ok(Arc::new(built.map_err(|error| says(&error))?))
        }
        #[cfg(feature = "gcs")]
        Scheme::Gs => {
            let (retry, client) = options();
            let built = object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_client_options(client)
                .with_bucket_name(bucket)
                .with_retry(retry)
                .build();
            Ok(Arc::new(built.map_err(|error| says(&error))?))
        }
        #[cfg(feature = "azure")]
        Scheme::Az => {
            let (retry, client) = options();
            let built = object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_client_options(client)
                .with_container_name(bucket)
                .with_retry(retry)
                .build();
            Ok(Arc::new(built.map_err(|error| says(&error))?))
        }
        #[cfg(not(feature = "s3"))]
        Scheme::S3 => Err(ConnectError::LeftOut("S3", "s3")),
        #[cfg(not(feature = "gcs"))]
        Scheme::Gs => Err(ConnectError::LeftOut("Google Cloud Storage", "gcs")),
        #[cfg(not(feature = "azure"))]
        Scheme::Az => Err(ConnectError::LeftOut("Azure Blob Storage", "azure")),
        Scheme::File => Err(ConnectError::Url(bucket.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_names_a_bucket_and_a_prefix_or_a_directory() {
        let s3 = Target::parse("s3://bucket/a/b/").unwrap();
        assert_eq!((s3.bucket.as_str(), s3.path.as_str(), s3.directory()), ("bucket", "a/b", None));
        assert_eq!(Target::parse("gs://bucket").unwrap().path, "");
        assert_eq!(Target::parse("file:///var/x").unwrap().directory(), Some("/var/x".into()));
        for wrong in ["", "bucket/x", "s3:///x", "file://", "file://host/x", "ftp://x/y", "s3://b/p?q"] {
            assert!(matches!(Target::parse(wrong), Err(ConnectError::Url(_))), "{wrong}");
        }
    }
}
