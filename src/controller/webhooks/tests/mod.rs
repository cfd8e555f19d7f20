mod events;
mod matching;
mod receiver;
