use super::{
    args::{Schema as Args, SchemaOf},
    context::Context,
    failure::{Failure, status},
};
use crate::manifest::schema;

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    context.output.json(&match args.of {
        SchemaOf::Project => schema::project(),
        SchemaOf::Messages => schema::messages(),
    })?;
    Ok(status::DONE)
}
