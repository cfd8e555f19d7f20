//! A typed client of Brevo's Conversations API: nine operations, errors with hints, the budget from headers.
