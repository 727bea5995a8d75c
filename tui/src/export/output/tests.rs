use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::model::{HostId, Interval};

/// A sink that tells what it gets, and takes its next event when it is let.
struct Probe {
    written: std_mpsc::Sender<String>,
    go_on: std_mpsc::Receiver<io::Result<()>>,
}

impl Probe {
    fn wait(&self) -> io::Result<()> {
        self.go_on.recv().unwrap_or(Ok(()))
    }
}

impl Sink for Probe {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        let text = match &envelope.event {
            Event::Interval(interval) => format!("interval {}", interval.at.as_secs()),
            Event::Packets(packets) => format!("{} packets", packets.len()),
            other => format!("{other:?}"),
        };
        self.written.send(text).unwrap();
        self.wait()
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.written.send(format!("{packets} lost")).unwrap();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.written.send("finished".to_owned()).unwrap();
        Ok(())
    }
}

struct Running {
    queue: Queue,
    output: Output,
    written: std_mpsc::Receiver<String>,
    go_on: std_mpsc::Sender<io::Result<()>>,
}

fn start(bytes: usize) -> Running {
    let (written, is_written) = std_mpsc::channel();
    let (go_on, may_go_on) = std_mpsc::channel();
    let probe = Probe {
        written,
        go_on: may_go_on,
    };
    let (queue, output) = Output::start(Box::new(probe), bytes).unwrap();
    Running {
        queue,
        output,
        written: is_written,
        go_on,
    }
}

fn envelope(event: Event) -> Envelope {
    Envelope {
        host: HostId::default(),
        event,
    }
}

fn interval(second: u64) -> Envelope {
    envelope(Event::Interval(Interval {
        at: Duration::from_secs(second),
        ..Interval::default()
    }))
}

fn packets(number: usize) -> Envelope {
    envelope(Event::Packets(vec![Packet::sample([0; 60]); number]))
}

#[tokio::test]
async fn a_stalled_sink_loses_packets_and_is_told_how_many() {
    let mut running = start(4 * PIECE);
    let Running {
        queue,
        written,
        go_on,
        ..
    } = &running;
    queue.send(interval(1)).await.unwrap();
    // From here on the sink is in the middle of its first event.
    assert_eq!(written.recv().unwrap(), "interval 1");
    queue.send(interval(2)).await.unwrap();
    queue.send(packets(3)).await.unwrap();
    // There is room for four pieces; the sink holds one.
    queue.send(packets(5)).await.unwrap();
    queue.send(packets(6)).await.unwrap();
    for _ in 0..3 {
        go_on.send(Ok(())).unwrap();
    }
    drop(running.queue);
    running.output.ended().await.unwrap();
    let written: Vec<_> = running.written.iter().collect();
    assert_eq!(written, ["11 lost", "interval 2", "3 packets", "finished"]);
}

#[tokio::test]
async fn intervals_wait_for_room_and_are_not_lost() {
    let mut running = start(2 * PIECE);
    running.queue.send(interval(1)).await.unwrap();
    running.queue.send(interval(2)).await.unwrap();
    assert_eq!(running.written.recv().unwrap(), "interval 1");
    {
        let mut third = std::pin::pin!(running.queue.send(interval(3)));
        assert!(third.as_mut().now_or_never().is_none());
        running.go_on.send(Ok(())).unwrap();
        third.await.unwrap();
    }
    running.go_on.send(Ok(())).unwrap();
    running.go_on.send(Ok(())).unwrap();
    drop(running.queue);
    running.output.ended().await.unwrap();
    let written: Vec<_> = running.written.iter().collect();
    assert_eq!(written, ["interval 2", "interval 3", "finished"]);
}

#[tokio::test]
async fn an_event_larger_than_the_queue_passes_alone() {
    let mut running = start(PIECE);
    running.go_on.send(Ok(())).unwrap();
    running.queue.send(packets(1000)).await.unwrap();
    drop(running.queue);
    running.output.ended().await.unwrap();
    let written: Vec<_> = running.written.iter().collect();
    assert_eq!(written, ["1000 packets", "finished"]);
}

#[tokio::test]
async fn a_sender_that_waits_learns_that_the_sink_has_ended() {
    for (kind, is_error) in [
        (io::ErrorKind::BrokenPipe, false),
        (io::ErrorKind::StorageFull, true),
    ] {
        let mut running = start(PIECE);
        running.queue.send(interval(1)).await.unwrap();
        let waiting = running.queue.send(interval(2));
        running.go_on.send(Err(kind.into())).unwrap();
        // It may have found room before the sink has ended.
        let _ = waiting.await;
        running.output.complete().await;
        let ended = running.output.ended().await;
        assert_eq!(ended.is_err(), is_error, "{kind}");
        assert_eq!(running.queue.send(interval(3)).await, Err(Closed));
        assert_eq!(running.queue.send(packets(1)).await, Err(Closed));
    }
}
