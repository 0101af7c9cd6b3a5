//! Order, parked replies, files.
use std::io::IoSlice;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::*;
use crate::env::{Advice, File, Files, MemoryFiles, OpenMode, RealFiles, Rng, SeededRng};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_leave_in_the_order_of_their_requests() {
    let f = Fixture::start(|_| ()).await;
    let mut client = f.client().await;
    let kinds = [PARK, ECHO, SILENT, ECHO, PARK, SILENT];
    let requests: Vec<(i32, i16)> = (1..=300).zip(kinds.into_iter().cycle()).collect();
    let mut bytes = Vec::new();
    for (id, key) in &requests {
        bytes.extend(frame(*key, *id, &id.to_be_bytes()));
    }
    client.send(&bytes).await;
    // More are in flight than are allowed at once: the rest waits, nothing is lost.
    f.handled(128).await;
    let mut other = f.client().await;
    other.expect_echo(1, b"others go on").await;
    let mut released = 0;
    for (id, key) in requests.into_iter().filter(|(_, key)| *key != SILENT) {
        if key == PARK {
            released = released.max(id) + 1;
            f.handler.released.send_replace(released);
        }
        assert_eq!(client.receive().await.unwrap(), (id, id.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn requests_may_arrive_byte_by_byte() {
    let f = Fixture::start(|_| ()).await;
    let mut client = f.client().await;
    client.0.set_nodelay(true).unwrap();
    for byte in [frame(ECHO, 1, b"ab"), frame(ECHO, 2, b"")].concat() {
        client.send(&[byte]).await;
    }
    assert_eq!(client.receive().await.unwrap(), (1, b"ab".to_vec()));
    assert_eq!(client.receive().await.unwrap(), (2, vec![]));
}

#[tokio::test]
async fn large_requests_come_through_and_leave_no_memory_behind() {
    let f = Fixture::start(|_| ()).await;
    let mut client = f.client().await;
    let body: Vec<u8> = (0..3_000_000u32).map(|i| i as u8).collect();
    let mut bytes = frame(ECHO, 1, &body);
    bytes.extend(frame(ECHO, 2, &body));
    bytes.extend(frame(ECHO, 3, b"tail"));
    let (mut read, mut write) = client.0.split();
    let send = async { write.write_all(&bytes).await.unwrap() };
    let receive = async {
        let mut got = vec![0; 2 * (8 + body.len()) + 12];
        read.read_exact(&mut got).await.unwrap();
        assert!(got[8..8 + body.len()] == body && got.ends_with(b"tail"));
    };
    tokio::join!(send, receive);
    until(|| f.server.request_memory_used() == 0).await;
}

async fn sends_files(files: &dyn Files, dir: &Path) {
    let mut content = vec![0u8; 3 << 20];
    SeededRng::new(1).fill(&mut content);
    let file = files.open(&dir.join("log"), OpenMode::Create).unwrap();
    file.write_all_at(&content, 0).unwrap();
    let (pos, len) = (4097, content.len() - 5000);
    let part = &content[4097..4097 + len];
    let f = Fixture::with_file(Some(FileRange { file, pos, len }), |_| ()).await;
    let mut client = f.client().await;
    let mut bytes = frame(FILE, 1, b"");
    bytes.extend(frame(FILE, 2, b""));
    bytes.extend(frame(ECHO, 3, b"x"));
    client.send(&bytes).await;
    for id in [1, 2] {
        // The server has filled the socket and waits for us: every send is a partial one.
        let (got, body) = client.receive().await.unwrap();
        assert_eq!((got, body.len()), (id, 2 * len + 17));
        assert!(body[5..5 + len] == *part && body[9 + len..16 + len] == *b"between");
        assert!(body[16 + len..16 + 2 * len] == *part && body.ends_with(&[2]));
    }
    assert_eq!(client.receive().await.unwrap(), (3, b"x".to_vec()));
}

#[tokio::test]
async fn ranges_of_files_are_sent_whole() {
    let tmp = tempfile::tempdir().unwrap();
    sends_files(&RealFiles, tmp.path()).await;
}

/// A file none of whose bytes are in memory before they are read.
#[derive(Debug)]
struct Cold {
    file: Arc<dyn File>,
    warm_to: AtomicUsize,
    cold_sends: AtomicUsize,
    with_fd: bool,
}

impl File for Cold {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.warm_to.fetch_max(pos as usize + buf.len(), SeqCst);
        self.file.read_at(buf, pos)
    }
    fn write_all_vectored_at(&self, bufs: &mut [IoSlice<'_>], pos: u64) -> io::Result<()> {
        self.file.write_all_vectored_at(bufs, pos)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn advise(&self, pos: u64, len: u64, advice: Advice) {
        self.file.advise(pos, len, advice);
    }
    fn is_resident(&self, pos: u64, len: u64) -> bool {
        let resident = pos + len <= self.warm_to.load(SeqCst) as u64;
        self.cold_sends.fetch_add(usize::from(!resident), SeqCst);
        resident
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.fd().filter(|_| self.with_fd)
    }
}

#[tokio::test]
async fn what_is_not_in_memory_is_read_ahead_elsewhere() {
    let tmp = tempfile::tempdir().unwrap();
    let file = RealFiles.open(&tmp.path().join("log"), OpenMode::Create).unwrap();
    let content: Vec<u8> = (0..2_000_000u32).map(|i| (i >> 3) as u8).collect();
    file.write_all_at(&content, 0).unwrap();
    for with_fd in [true, false] {
        let (warm_to, cold_sends) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let cold = Arc::new(Cold { file: file.clone(), warm_to, cold_sends, with_fd });
        let range = FileRange { file: cold.clone(), pos: 0, len: content.len() };
        let f = Fixture::with_file(Some(range), |_| ()).await;
        let mut client = f.client().await;
        client.send(&frame(FILE, 1, b"")).await;
        let (_, body) = client.receive().await.unwrap();
        assert!(body[5..].starts_with(&content) && body[..body.len() - 1].ends_with(&content));
        assert_eq!(cold.cold_sends.load(SeqCst), 4, "once for each window of the first copy");
    }
}

#[tokio::test]
async fn files_without_a_descriptor_are_read() {
    sends_files(&MemoryFiles::new(1), Path::new("/")).await;
}

#[tokio::test]
async fn a_reply_that_cannot_be_finished_closes_the_connection() {
    let tmp = tempfile::tempdir().unwrap();
    let file = RealFiles.open(&tmp.path().join("log"), OpenMode::Create).unwrap();
    file.write_all_at(b"short", 0).unwrap();
    let f = Fixture::with_file(Some(FileRange { file, pos: 0, len: 100_000 }), |_| ()).await;
    let mut client = f.client().await;
    client.send(&frame(FILE, 1, b"")).await;
    assert!(client.receive().await.is_err());
    f.client().await.expect_echo(1, b"others go on").await;
}

#[tokio::test]
async fn a_half_closed_peer_still_gets_its_replies() {
    let f = Fixture::start(|_| ()).await;
    let mut client = f.client().await;
    client.send(&[frame(ECHO, 1, b"a"), frame(PARK, 2, b"b")].concat()).await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.receive().await.unwrap(), (1, b"a".to_vec()));
    f.handler.released.send_replace(2);
    assert_eq!(client.receive().await.unwrap(), (2, b"b".to_vec()));
    client.expect_end().await;
}
