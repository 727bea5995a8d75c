use super::*;

fn session() -> Session {
    crate::synthetic::session()
}

#[tokio::test]
async fn a_stop_is_seen_and_its_end_reported() {
    let (source, mut producer) = Source::new(session());
    let ended = source.stop.ask();
    producer.stopping.asked().await;
    producer
        .stopping
        .ended(Err(anyhow!("the pair is still there")));
    let error = ended.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "the pair is still there");
}

#[tokio::test]
async fn a_dropped_handle_asks_for_the_end() {
    let (source, mut producer) = Source::new(session());
    drop(source);
    producer.stopping.asked().await;
    assert!(producer.events.is_closed());
}

#[tokio::test]
async fn a_source_that_panics_is_an_error() {
    let (source, producer) = Source::new(session());
    let ended = source.stop.ask();
    drop(producer);
    let error = ended.wait().await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}
