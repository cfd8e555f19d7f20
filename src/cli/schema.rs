use std::io::Write;

use super::{
    args::{SchemaArgs, SchemaDocument},
    context::Context,
    failure::{Failure, status},
};
use crate::{apply, manifest, plan};

pub(super) fn run(context: &Context, args: &SchemaArgs) -> Result<u8, Failure> {
    match args.of {
        SchemaDocument::Project => context.output.json(&manifest::schema::project())?,
        SchemaDocument::Messages => context.output.json(&manifest::schema::messages())?,
        SchemaDocument::Plan => context.output.out().write_all(plan::SCHEMA.as_bytes())?,
        SchemaDocument::Apply => context.output.out().write_all(apply::SCHEMA.as_bytes())?,
    }
    Ok(status::DONE)
}
