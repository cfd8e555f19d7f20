//! One comment for each matter, updated in place.
//!
//! A comment is ours if the forge says that we wrote it and its first line is the marker.

use std::time::Duration;

use super::{Comment, Forge, ForgeError, marker};

/// How often we look for the comment again, if it is not as it was a moment ago.
const MOST_TRIES: u32 = 4;

/// Our comments on a request that begin with this marker, the oldest first.
pub async fn find(
    forge: &dyn Forge,
    request: u64,
    marker: &str,
) -> Result<Vec<Comment>, ForgeError> {
    let mut comments = forge.comments(request).await?;
    comments.retain(|comment| marker::is_marked(&comment.body, marker));
    Ok(comments)
}

/// Writes the comment that begins with this marker: in place of the last one; the others, which two jobs at once may
/// have made, go. Without one, a comment is made, unless it is `only_update`. Its URL, if the forge says one.
pub async fn put(
    forge: &dyn Forge,
    request: u64,
    (marker, body): (&str, &str),
    only_update: bool,
    pause: Duration,
) -> Result<Option<String>, ForgeError> {
    let mut tries = 0;
    loop {
        let found = find(forge, request, marker).await?;
        let done = match found.split_last() {
            Some((last, surplus)) => match forge.update_comment(request, last.id, body).await {
                Ok(()) => {
                    for comment in surplus {
                        // The next job tries again.
                        _ = forge.delete_comment(request, comment.id).await;
                    }
                    return Ok(last.url.clone());
                }
                // Somebody may have deleted it meanwhile.
                Err(error) if error.is_missing() => error,
                Err(error) => return Err(error),
            },
            None if only_update => return Ok(None),
            None => match forge.create_comment(request, body).await {
                Ok(url) => return Ok(url),
                // It may be there: look before another one is made.
                Err(error) if error.may_have_worked() || error.is_missing() => error,
                Err(error) => return Err(error),
            },
        };
        tries += 1;
        if tries == MOST_TRIES {
            return Err(done);
        }
        tokio::time::sleep(pause * (1 << (tries - 1))).await;
    }
}
