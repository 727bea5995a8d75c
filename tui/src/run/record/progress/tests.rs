use std::io::Read;
use std::thread;

use tokio::time::timeout;

use super::*;

/// Nobody waits for this long for nothing.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_write_that_does_not_end_is_noticed() {
    let (mut reader, writer) = io::pipe().unwrap();
    let progress = Progress::default();
    let mut watched = Watched {
        writer,
        progress: progress.clone(),
    };
    // More than a pipe holds.
    let writing = thread::spawn(move || watched.write_all(&vec![0; 4 << 20]));
    timeout(LONG, progress.is_stuck())
        .await
        .expect("nobody reads the pipe");
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(read.len(), 4 << 20);
    assert_eq!(progress.steps.load(Ordering::Relaxed) % 2, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_or_waits_for_work_is_not_stuck() {
    let progress = Progress::default();
    let idle = timeout(LONG, progress.is_stuck()).await;
    assert!(idle.is_err(), "nothing is written, and nothing is stuck");
    let slow = async {
        for _ in 0..1_000 {
            // A write that goes on while others come to an end.
            progress.steps.fetch_add(1, Ordering::Relaxed);
            sleep(PATIENCE / 2).await;
            progress.steps.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! {
        biased;
        () = slow => {}
        () = progress.is_stuck() => panic!("each write came to an end"),
    }
    progress.steps.fetch_add(1, Ordering::Relaxed);
    timeout(LONG, progress.is_stuck()).await.unwrap();
}
