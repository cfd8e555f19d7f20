use std::time::Duration;

use pushsync::{
    brevo::{Hint, MessageType, Operation},
    model::{Content, Kind, MessageId, Sender},
    sandbox::Budget,
};

use super::{Hands, START, client, options, start, visitor};

#[tokio::test]
async fn a_pushed_message_lives_its_life() {
    let hands = Hands::new();
    let running = start(pushsync::sandbox::Options::in_memory(hands.clock())).await;
    let client = client(&running);
    let to = visitor("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg");
    let message = Content {
        text: "a <b>\nc".into(),
        from: Sender::Agent { id: "d9nKoegKSjmCtyK78".into(), received_from: None },
    };

    let sent = client.send(Kind::Pushed, &to, &message).await.expect("sent");
    assert!(sent.request_id.is_some() && sent.budget.is_some());
    let sent = sent.body;
    assert_eq!(sent.id.as_str().len(), 17);
    assert_eq!(sent.kind, Some(MessageType::Agent));
    assert_eq!(sent.text.as_deref(), Some("a <b>\nc"));
    assert_eq!(sent.html.as_deref(), Some("a &lt;b&gt;<br>c"));
    assert_eq!(sent.visitor.as_ref(), Some(&to));
    assert_eq!(sent.agent_id.as_deref(), Some("d9nKoegKSjmCtyK78"));
    assert!(sent.agent_name.is_some());
    assert_eq!(sent.created_at.map(|at| at.as_second()), Some(START));
    assert_eq!((sent.is_pushed, sent.received_from.clone()), (Some(true), None));

    assert_eq!(client.get(Kind::Pushed, &sent.id).await.expect("there").body, sent);
    hands.forward(60);
    let changed = client.update(Kind::Pushed, &sent.id, "new").await.expect("changed").body;
    assert_eq!((changed.text.as_deref(), changed.html.as_deref()), (Some("new"), Some("new")));
    assert_eq!(changed.created_at, sent.created_at);
    assert_eq!(client.get(Kind::Pushed, &sent.id).await.expect("there").body, changed);

    client.delete(Kind::Pushed, &sent.id).await.expect("deleted");
    for error in [
        client.get(Kind::Pushed, &sent.id).await.expect_err("gone"),
        client.update(Kind::Pushed, &sent.id, "x").await.expect_err("gone"),
        client.delete(Kind::Pushed, &sent.id).await.expect_err("gone"),
    ] {
        assert_eq!(error.status(), Some(404));
        assert_eq!(error.code(), Some("document_not_found"));
        assert_eq!(error.hint(), Some(Hint::Gone));
    }

    let all = running.messages();
    assert_eq!(all.len(), 1);
    assert!(all[0].is_deleted());
    assert_eq!(all[0].updated_at.map(|at| at.as_second()), Some(START + 60));
    assert_eq!(all[0].text, "new");
    let requests = running.requests();
    assert_eq!(requests.total, 8);
    assert_eq!(requests.of(Operation::SendPushedMessage, "200"), 1);
    assert_eq!(requests.of(Operation::DeletePushedMessage, "204"), 1);
    assert_eq!(requests.of(Operation::DeletePushedMessage, "404"), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_agents_message_lives_its_life() {
    let running = start(options()).await;
    let client = client(&running);
    let to = visitor("kZMv");
    let from = Sender::Helpdesk {
        email: "liz@getwear.com".into(),
        name: "Liz".into(),
        received_from: "crm".into(),
    };
    let message = Content { text: "Hi".into(), from };

    let sent = client.send(Kind::Agent, &to, &message).await.expect("sent").body;
    assert_eq!(sent.agent_name.as_deref(), Some("Liz"));
    assert_eq!(sent.received_from.as_deref(), Some("crm"));
    assert_eq!(sent.is_pushed, None);
    let again = client.send(Kind::Agent, &to, &message).await.expect("sent").body;
    assert_ne!(again.id, sent.id);
    assert_eq!(again.agent_id, sent.agent_id, "the dummy agent is made once");

    assert_eq!(client.get(Kind::Agent, &sent.id).await.expect("there").body, sent);
    let changed = client.update(Kind::Agent, &sent.id, "new").await.expect("changed").body;
    assert_eq!(changed.text.as_deref(), Some("new"));
    client.delete(Kind::Agent, &sent.id).await.expect("deleted");
    assert!(client.get(Kind::Agent, &sent.id).await.expect_err("gone").is_gone());
    assert!(!running.messages()[1].is_deleted());

    client.ping_agent_online(&message.from).await.expect("pinged");
    let known = Sender::Agent { id: "d9n".into(), received_from: None };
    client.ping_agent_online(&known).await.expect("pinged");
    let online: Vec<String> = running.pings().into_keys().collect();
    assert_eq!(online.len(), 2);
    assert!(online.contains(&"d9n".to_owned()) && online.contains(&sent.agent_id.expect("an id")));
    running.stop().await;
}

#[tokio::test]
async fn each_kind_is_changed_only_through_its_own_path() {
    let running = start(options()).await;
    let client = client(&running);
    let to = visitor("kZMv");
    let pushed = Content { text: "a".into(), from: Sender::Random };
    let pushed = client.send(Kind::Pushed, &to, &pushed).await.expect("sent").body.id;
    let from = Sender::Agent { id: "d9n".into(), received_from: None };
    let agents = Content { text: "b".into(), from };
    let agents = client.send(Kind::Agent, &to, &agents).await.expect("sent").body.id;

    assert!(client.get(Kind::Pushed, &agents).await.expect_err("404").is_gone());
    assert!(client.update(Kind::Pushed, &agents, "x").await.expect_err("404").is_gone());
    assert!(client.delete(Kind::Pushed, &agents).await.expect_err("404").is_gone());
    assert!(client.update(Kind::Agent, &pushed, "x").await.expect_err("404").is_gone());
    assert!(client.delete(Kind::Agent, &pushed).await.expect_err("404").is_gone());
    // Reading is wider: the API says so of visitors' messages.
    let read = client.get(Kind::Agent, &pushed).await.expect("there").body;
    assert_eq!((read.is_pushed, read.text.as_deref()), (Some(true), Some("a")));
    running.stop().await;
}

#[tokio::test]
async fn a_random_agent_stays_the_same_for_a_visitor() {
    let running = start(options()).await;
    let client = client(&running);
    let mut agents = std::collections::BTreeSet::new();
    for from in [Sender::Random, Sender::Group("PjRBMhWGen6aRHjif".into())] {
        for _ in 0..3 {
            let to = visitor("kZMv");
            let message = Content { text: "a".into(), from: from.clone() };
            let agent = client.send(Kind::Pushed, &to, &message).await.expect("sent").body.agent_id;
            let agent = agent.expect("an agent");
            assert_eq!(agent.len(), 17);
            agents.insert(agent);
        }
    }
    assert_eq!(agents.len(), 2);
    assert_eq!(running.messages()[5].group_id.as_deref(), Some("PjRBMhWGen6aRHjif"));
    running.stop().await;
}

#[tokio::test]
async fn a_used_up_budget_is_a_429_until_the_period_is_over() {
    let hands = Hands::new();
    let budget: Budget = "2/h".parse().expect("a budget");
    let running = start(pushsync::sandbox::Options {
        budget: Some(budget),
        ..pushsync::sandbox::Options::in_memory(hands.clock())
    })
    .await;
    let client = client(&running);
    let id = MessageId::new("nothing");
    for (seconds, status, remaining, reset) in
        [(0, 404, 1, 3600), (600, 404, 0, 3000), (1, 429, 0, 2999), (2999, 404, 1, 3600)]
    {
        hands.forward(seconds);
        let error = client.get(Kind::Pushed, &id).await.expect_err("an error");
        assert_eq!(error.status(), Some(status));
        let budget = error.budget().expect("a budget");
        assert_eq!((budget.limit, budget.remaining), (Some(2), Some(remaining)));
        assert_eq!(budget.reset, Some(Duration::from_secs(reset)));
        if status == 429 {
            assert_eq!(error.hint(), Some(Hint::Wait(budget.reset)));
        }
    }
    assert_eq!(running.requests().of(Operation::GetPushedMessage, "429"), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_lose_and_double_nothing() {
    const EACH: usize = 100;
    let running = start(options()).await;
    let client = client(&running);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let client = client.clone();
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for n in 0..EACH {
                let to = visitor(&format!("{worker}-{n}"));
                let message = Content { text: "x".into(), from: Sender::Random };
                let sent = client.send(Kind::Pushed, &to, &message).await.expect("sent");
                client.update(Kind::Pushed, &sent.body.id, "y").await.expect("changed");
                ids.push(sent.body.id.to_string());
            }
            ids
        });
    }
    let ids: std::collections::BTreeSet<String> =
        tasks.join_all().await.into_iter().flatten().collect();
    let messages = running.messages();
    assert_eq!((ids.len(), messages.len()), (8 * EACH, 8 * EACH));
    assert!(messages.iter().all(|message| ids.contains(&message.id) && message.text == "y"));
    let requests = running.requests();
    assert_eq!(requests.of(Operation::SendPushedMessage, "200"), 8 * EACH as u64);
    assert_eq!(requests.total, 16 * EACH as u64);
    running.stop().await;
}

#[tokio::test]
async fn a_key_is_needed_and_any_will_do() {
    let running = start(options()).await;
    let raw = super::raw_with(&running, "GET", "/v3/conversations/messages/x", "", "").await;
    assert_eq!(raw.status, 401);
    let error = client(&running).get(Kind::Agent, &MessageId::new("x")).await.expect_err("404");
    assert_eq!(error.status(), Some(404));
    running.stop().await;
}
