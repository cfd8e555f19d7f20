-- One row for each account that has used the chat. Numbers and dates keep their types.
SELECT
  u.user_id,
  u.name,
  u.lang,
  u.plan,
  u.trial_ends,
  count(s.seat) AS seats
FROM users AS u
LEFT JOIN seats AS s USING (user_id)
WHERE u.chats
GROUP BY u.user_id, u.name, u.lang, u.plan, u.trial_ends
