//! Finds what was reviewed: the digest in our comment on the request whose merge made a commit.

use super::{Kind, Kit, marker};
use crate::{model::CommitId, plan::Review};

/// What is known of the review of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReview {
    /// The request whose merge made the commit, if it was found.
    pub request: Option<u64>,
    /// What was reviewed; or, in words, why nobody knows: a fragment that may hold words of others.
    pub review: Result<Review, String>,
}

/// Looks for the review of a commit.
pub async fn find(kit: &Kit<'_>, commit: &CommitId) -> FoundReview {
    let doubt = |request: Option<u64>, why: String| FoundReview { request, review: Err(why) };
    let Some(forge) = kit.forge else {
        return doubt(None, "there is no token to look for its review with".to_owned());
    };
    let short: String = commit.as_str().chars().take(12).collect();
    let number = match forge.merged_request(commit).await {
        Ok(Some(number)) => number,
        Ok(None) => return doubt(None, format!("no merged request ends in commit {short}")),
        Err(error) => {
            let why = format!("the request that it comes from could not be looked up ({error})");
            return doubt(None, why);
        }
    };
    let doubt = |why: String| doubt(Some(number), why);
    let bodies = match kit.bodies(Kind::Plan, number).await {
        Ok(bodies) => bodies,
        Err(error) => {
            return doubt(format!("the comments of request {number} could not be read ({error})"));
        }
    };
    let reviews: Vec<_> = bodies.iter().map(|body| marker::review(body)).collect();
    let Some(last) = reviews.last() else {
        let environment = &kit.inputs.environment;
        return doubt(format!("request {number} has no plan for the environment {environment}"));
    };
    // Two jobs at once can leave two comments. Nobody knows which of them was reviewed.
    if reviews.iter().any(|other| other != last) {
        return doubt(format!("request {number} has comments with different plans"));
    }
    match last {
        Some(review) => FoundReview { request: Some(number), review: Ok(review.clone()) },
        None => doubt(format!("the last plan of request {number} failed")),
    }
}
