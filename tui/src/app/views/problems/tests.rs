use probe_common::parse::number::ip;

use super::*;
use crate::app::effect::Effect;
use crate::app::tab::Tab;
use crate::app::{App, Appearance};
use crate::diagnosis::{Kind, Subject};
use crate::model::Moment;
use crate::synthetic::{self, Synthetic};

fn finding(id: &str, severity: Severity, subjects: Vec<Subject>) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        kind: Kind::POLICY_DROP,
        sentence: format!("{id} is wrong"),
        since: Moment::from_secs(3),
        last: Moment::from_secs(5),
        count: 7,
        subjects,
        evidence: vec!["7 packets".to_owned()],
        not_looked_at: Vec::new(),
        advice: "look at it".to_owned(),
        past: false,
    }
}

fn app(problems: Vec<Finding>) -> App {
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    for event in Synthetic::new(1, 60).story(20) {
        app.update(Action::Source(event));
    }
    app.state.problems = problems;
    app.update(Action::Show(Tab::Problems));
    app
}

#[test]
fn the_selection_follows_the_problem() {
    let one = finding("one", Severity::Warning, Vec::new());
    let two = finding("two", Severity::Error, Vec::new());
    let mut app = app(vec![one.clone()]);
    app.update(Action::Move(Motion::Down));
    app.state.problems = vec![two, one];
    app.update(Action::Show(Tab::Problems));
    let selected = app.views.problems.selected(&app.state);
    assert_eq!(selected.map(|it| it.id.as_str()), Some("one"));
    let badge = app.view().badge(&app.state);
    assert_eq!(
        badge,
        Badge::Marks {
            errors: 1,
            warnings: 1
        }
    );
    for problem in &mut app.state.problems {
        problem.past = true;
    }
    let badge = app.view().badge(&app.state);
    assert_eq!(
        badge,
        Badge::Marks {
            errors: 0,
            warnings: 0
        }
    );
}

#[test]
fn a_problem_leads_to_its_flows_and_is_copied_whole() {
    let mut app = app(Vec::new());
    let keys = app.views.flows.keys();
    let key = *keys.iter().find(|key| key.protocol == ip::TCP).unwrap();
    let address = crate::app::ends::address(&key, crate::app::ends::Side::Remote).unwrap();
    let subjects = vec![Subject::Host { address }];
    app.state.problems = vec![finding("host", Severity::Error, subjects)];
    app.update(Action::Show(Tab::Problems));
    app.update(Action::ProblemFlows);
    assert_eq!(app.tab(), Tab::Problems, "none is selected");
    assert!(app.state.notices.fresh().is_some());
    app.update(Action::Open);
    assert!(app.views.problems.detail);
    let copied = app.update(Action::CopySelected);
    let text = app.state.problems[0].to_text();
    assert!(text.contains("7 packets") && text.contains("look at it"));
    assert!(copied.contains(&Effect::Copy(text)));
    app.update(Action::ProblemFlows);
    assert_eq!(app.tab(), Tab::Flows);
    let rows = app.views.flows.keys();
    assert!(rows.contains(&key) && rows.len() < app.state.picture().flows.len());
}

#[test]
fn what_is_shown_stays_while_paused() {
    let mut app = app(vec![finding("one", Severity::Error, Vec::new())]);
    app.update(Action::Pause);
    let mut source = Synthetic::new(1, 60);
    for _ in 0..3 {
        let event = crate::model::Event::Interval(source.interval());
        app.update(Action::Source(event.into()));
    }
    assert_eq!(app.state.problems.len(), 1);
    app.update(Action::Pause);
    let stays = app.state.problems.iter().any(|it| it.id == "one");
    assert!(!stays, "the diagnosis does not have it");
}

#[test]
fn what_a_problem_is_about_is_a_filter() {
    let address = "fd00::5".parse().unwrap();
    let service = |protocol| Subject::Service {
        address,
        port: 53,
        protocol,
    };
    let device = Subject::Device {
        name: "lxc12".to_owned(),
    };
    let host = Subject::Host { address };
    for subject in [host, service("tcp"), service("udp"), device] {
        let text = subject.filter().unwrap();
        assert!(Filter::parse(&text).is_ok(), "{text}");
    }
}
