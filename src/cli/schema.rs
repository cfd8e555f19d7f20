use std::io::Write;

use super::{
    args::{Schema as Args, SchemaOf},
    context::Context,
    failure::{Failure, status},
};
use crate::{apply, manifest, plan};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    match args.of {
        SchemaOf::Project => context.output.json(&manifest::schema::project())?,
        SchemaOf::Messages => context.output.json(&manifest::schema::messages())?,
        SchemaOf::Plan => context.output.out().write_all(plan::SCHEMA.as_bytes())?,
        SchemaOf::Apply => context.output.out().write_all(apply::SCHEMA.as_bytes())?,
    }
    Ok(status::DONE)
}
