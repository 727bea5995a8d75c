use futures::FutureExt;

use super::*;

#[tokio::test]
async fn what_has_no_room_waits_and_keeps_its_order() {
    let (sender, mut source) = mpsc::channel(1);
    let mut requests = Requests::new(sender);
    for measure in [true, false, true] {
        assert_eq!(requests.ask(Command::Measure(measure)), None);
    }
    let mut measures = Vec::new();
    while requests.is_waiting() {
        assert!(requests.send().await.is_empty());
        assert!(requests.send().now_or_never().is_none(), "it is full");
        let request = source.recv().await.unwrap();
        let reply = Reply {
            id: request.id,
            result: Ok(()),
        };
        measures.push(requests.answer(reply.clone()).unwrap().0);
        assert_eq!(requests.answer(reply), None, "only once");
    }
    assert_eq!(measures, [true, false, true].map(Command::Measure));
}

#[tokio::test]
async fn a_source_that_does_not_serve_is_an_answer() {
    let (sender, _source) = mpsc::channel(1);
    let mut requests = Requests::new(sender);
    for _ in 0..WAITING {
        assert_eq!(requests.ask(Command::PushDown(None)), None);
    }
    let (command, result) = requests.ask(Command::Measure(false)).unwrap();
    assert_eq!(command, Command::Measure(false));
    assert!(result.unwrap_err().contains("does not respond"));
}

#[tokio::test]
async fn the_end_of_the_source_answers_everything() {
    let (sender, mut source) = mpsc::channel(1);
    let mut requests = Requests::new(sender);
    requests.ask(Command::Measure(true));
    requests.send().await;
    requests.ask(Command::Measure(false));
    source.close();
    let answers = requests.send().await;
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|(_, result)| result.is_err()));
    assert!(!requests.is_waiting());
}
