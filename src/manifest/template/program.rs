//! A template as the engine runs it, with comparisons and conditions that never answer for values of
//! different kinds ([`super::compare`]), and without the lines of tags that stand alone.
//!
//! The engine has no hooks for its operators. So its instructions are made as ever, and then some are
//! replaced by calls of our own tests and filters.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use minijinja::{
    AutoEscape, Environment, Error, Value,
    machinery::{
        CodeGenerator, Instruction, Instructions, eval, make_string_output, parse, parse_expr,
    },
    syntax::SyntaxConfig,
};

use super::{
    compare, lines,
    scope::{Column, Scope},
};

/// A text or a condition, ready to be run for each row.
pub(crate) struct Program<'s> {
    instructions: Instructions<'s>,
    /// Texts have no blocks.
    blocks: BTreeMap<&'s str, Instructions<'s>>,
    /// The longest part of the text that is written out at once.
    literal: usize,
    /// The number of its instructions, if none is made twice.
    most_steps: Option<u64>,
}

impl<'s> Program<'s> {
    /// A text with tags in it.
    pub(crate) fn text(source: &'s str, scope: &Scope<'_>) -> Result<Self, Error> {
        let tree = parse(source, "text", SyntaxConfig::default())?;
        let mut generator = CodeGenerator::new("text", source);
        generator.compile_stmt(&tree);
        let (instructions, _) = generator.finish();
        Ok(Self::assembled(&instructions, &lines::kept(source), scope, false))
    }

    /// An expression that stands alone.
    pub(crate) fn condition(source: &'s str, scope: &Scope<'_>) -> Result<Self, Error> {
        let tree = parse_expr(source)?;
        let mut generator = CodeGenerator::new("<expression>", source);
        generator.compile_expr(&tree);
        let (instructions, _) = generator.finish();
        Ok(Self::assembled(&instructions, &HashMap::new(), scope, true))
    }

    fn assembled(
        made: &Instructions<'s>,
        kept: &HashMap<usize, Range<usize>>,
        scope: &Scope<'_>,
        alone: bool,
    ) -> Self {
        let mut assembly = Assembly::new(made, scope, alone);
        assembly.run(kept);
        let Assembly { new, literal, length, has_loops, .. } = assembly;
        let most_steps = (!has_loops).then_some(u64::from(length));
        Self { instructions: new, blocks: BTreeMap::new(), literal, most_steps }
    }

    /// At most this number of steps is made for one row, whatever its values.
    pub(crate) fn most_steps(&self) -> Option<u64> {
        self.most_steps
    }

    /// Writes the text for the values of `root`; returns how many steps it took.
    pub(crate) fn render<'e>(
        &'e self,
        engine: &'e Environment<'e>,
        root: Value,
        out: &mut String,
    ) -> Result<u64, Error>
    where
        's: 'e,
    {
        out.reserve(self.literal);
        let mut output = make_string_output(out);
        let instructions: &'e Instructions<'e> = &self.instructions;
        let (_, state) =
            eval(engine, instructions, root, &self.blocks, &mut output, AutoEscape::None)?;
        Ok(state.fuel_levels().map_or(0, |(consumed, _)| consumed))
    }

    /// The value of a condition for the values of `root`.
    pub(crate) fn eval<'e>(
        &'e self,
        engine: &'e Environment<'e>,
        root: Value,
    ) -> Result<Value, Error>
    where
        's: 'e,
    {
        let mut nothing = String::new();
        let mut output = make_string_output(&mut nothing);
        let instructions: &'e Instructions<'e> = &self.instructions;
        let (value, _) =
            eval(engine, instructions, root, &self.blocks, &mut output, AutoEscape::None)?;
        Ok(value.unwrap_or_default())
    }
}

/// The instructions of a program, made from those of the engine.
struct Assembly<'a, 's> {
    made: &'a Instructions<'s>,
    scope: &'a Scope<'a>,
    /// Whether this is a condition, where an empty cell is an empty text.
    alone: bool,
    /// Names that the template itself gives to values.
    locals: HashSet<&'s str>,
    /// Where jumps without a condition of their own lead.
    joints: HashSet<u32>,
    new: Instructions<'s>,
    length: u32,
    /// Where each instruction of the engine is now.
    starts: Vec<u32>,
    loops: usize,
    has_loops: bool,
    literal: usize,
}

/// No place in the engine's cache of filters and tests, which has fifty.
const UNCACHED: u8 = !0;

impl<'a, 's> Assembly<'a, 's> {
    fn new(made: &'a Instructions<'s>, scope: &'a Scope<'a>, alone: bool) -> Self {
        let mut locals = HashSet::from(["loop"]);
        let mut joints = HashSet::new();
        for instruction in (0..).map_while(|at| made.get(at)) {
            match instruction {
                Instruction::StoreLocal(name) => _ = locals.insert(name),
                Instruction::Jump(target) => _ = joints.insert(*target),
                _ => {}
            }
        }
        let new = Instructions::new(made.name(), made.source());
        let (length, starts, loops, has_loops, literal) = Default::default();
        Self { made, scope, alone, locals, joints, new, length, starts, loops, has_loops, literal }
    }

    fn run(&mut self, kept: &HashMap<usize, Range<usize>>) {
        let mut at = 0;
        while let Some(instruction) = self.made.get(at) {
            self.starts.push(self.length);
            self.one(at, instruction.clone(), kept);
            at += 1;
        }
        self.starts.push(self.length);
        // What comes out of a condition is a truth value itself.
        if self.alone {
            self.check_truth(at);
            // A value that is missing is no answer.
            self.add(at.saturating_sub(1), Instruction::Not);
            self.add(at.saturating_sub(1), Instruction::Not);
        }
        for at in 0..self.length {
            let starts = &self.starts;
            if let Some(
                Instruction::Jump(target)
                | Instruction::JumpIfFalse(target)
                | Instruction::JumpIfFalseOrPop(target)
                | Instruction::JumpIfTrueOrPop(target)
                | Instruction::Iterate(target),
            ) = self.new.get_mut(at)
            {
                *target = starts.get(*target as usize).copied().unwrap_or(u32::MAX);
            }
        }
    }

    /// One instruction of the engine, with what belongs before and behind it.
    fn one(&mut self, at: u32, instruction: Instruction<'s>, kept: &HashMap<usize, Range<usize>>) {
        let test = |name| Instruction::PerformTest(name, Some(2), UNCACHED);
        let instruction = match instruction {
            Instruction::Eq => test("=="),
            Instruction::Ne => test("!="),
            Instruction::Lt => test("<"),
            Instruction::Lte => test("<="),
            Instruction::Gt => test(">"),
            Instruction::Gte => test(">="),
            Instruction::In => test("in"),
            Instruction::CompareAndPreserve(op) => {
                let looks_through = matches!(format!("{op:?}").as_str(), "In" | "NotIn");
                self.pair(at, if looks_through { compare::PAIR_IN } else { compare::PAIR });
                Instruction::CompareAndPreserve(op)
            }
            Instruction::Add if !self.counts(at) => {
                self.pair(at, compare::PAIR_ADD);
                Instruction::Add
            }
            Instruction::ApplyFilter("default" | "d", count, _) if self.alone => {
                Instruction::ApplyFilter(compare::DEFAULT_IN_WHERE, count, UNCACHED)
            }
            Instruction::PerformTest("defined", count, _) if self.alone => {
                Instruction::PerformTest(compare::DEFINED_IN_WHERE, count, UNCACHED)
            }
            Instruction::PerformTest("undefined" | "none", count, _) if self.alone => {
                Instruction::PerformTest(compare::UNDEFINED_IN_WHERE, count, UNCACHED)
            }
            Instruction::EmitRaw(text) => return self.literal(at, text, kept),
            instruction => {
                match instruction {
                    Instruction::PushLoop(_) => {
                        self.loops += 1;
                        self.has_loops = true;
                    }
                    Instruction::PopLoopFrame => self.loops = self.loops.saturating_sub(1),
                    _ if self.asks(at) => self.check_truth(at),
                    _ => {}
                }
                instruction
            }
        };
        self.add(at, instruction);
        // A column that stands alone: without a value, it is false.
        if self.asks(at + 1)
            && let Some(column) = self.column(at)
        {
            let filled = if column.is_text { compare::FILLED_TEXT } else { compare::FILLED };
            self.filter(at, filled, 1);
        }
    }

    /// A part of the text that is written as it stands.
    fn literal(&mut self, at: u32, text: &'s str, kept: &HashMap<usize, Range<usize>>) {
        // The engine's texts are parts of the source.
        let start = (text.as_ptr() as usize).wrapping_sub(self.made.source().as_ptr() as usize);
        let text = kept.get(&start).and_then(|kept| text.get(kept.clone())).unwrap_or(text);
        self.literal += text.len();
        if self.loops > 0 {
            // What is written again and again is counted, as values are.
            self.add(at, Instruction::LoadConst(Value::from(text)));
            self.add(at, Instruction::Emit);
        } else {
            self.add(at, Instruction::EmitRaw(text));
        }
    }

    /// Whether an instruction asks for the truth of a value.
    fn asks(&self, at: u32) -> bool {
        match self.made.get(at) {
            None => self.alone,
            Some(instruction) => matches!(
                instruction,
                Instruction::Not
                    | Instruction::JumpIfFalse(_)
                    | Instruction::JumpIfFalseOrPop(_)
                    | Instruction::JumpIfTrueOrPop(_)
            ),
        }
    }

    /// A value that may be a truth value in words is checked, before this instruction asks for it.
    fn check_truth(&mut self, at: u32) {
        let before = at.checked_sub(1);
        let made = before.and_then(|before| self.made.get(before));
        let sure = matches!(
            made,
            Some(
                Instruction::Eq
                    | Instruction::Ne
                    | Instruction::Lt
                    | Instruction::Lte
                    | Instruction::Gt
                    | Instruction::Gte
                    | Instruction::In
                    | Instruction::Not
                    | Instruction::CompareAndPreserve(_)
                    | Instruction::PerformTest(..)
            )
        );
        let filled = before.is_some_and(|before| self.column(before).is_some());
        // Other branches bring values that nobody has checked.
        if self.joints.contains(&at) || !(sure || filled) {
            self.filter(before.unwrap_or(at), compare::TRUTH, 1);
        }
    }

    /// The column of texts or dates whose value this instruction gives.
    fn column(&self, at: u32) -> Option<Column> {
        let row = |back: u32| {
            let base = self.made.get(at.checked_sub(back)?)?;
            (matches!(base, Instruction::Lookup("row")) && self.is_row()).then_some(())
        };
        let found = match self.made.get(at)? {
            Instruction::Lookup(name) if !self.locals.contains(name) => self.scope.column(name),
            Instruction::GetAttr(name) => row(1).and_then(|()| self.scope.cell(name)),
            Instruction::GetItem => match self.made.get(at.checked_sub(1)?)? {
                Instruction::LoadConst(name) => {
                    row(2).and_then(|()| self.scope.cell(name.as_str()?))
                }
                _ => None,
            },
            _ => None,
        };
        found.filter(Column::is_filled)
    }

    fn is_row(&self) -> bool {
        !self.locals.contains("row") && self.scope.has_row()
    }

    /// Whether this counts the rounds of a loop: the engine does so for `for … if …`.
    fn counts(&self, at: u32) -> bool {
        let before = |back: u32| self.made.get(at.checked_sub(back)?);
        matches!(before(1), Some(Instruction::LoadConst(_)))
            && matches!(before(2), Some(Instruction::Swap))
    }

    fn pair(&mut self, at: u32, check: &'static str) {
        self.filter(at, check, 2);
        self.add(at, Instruction::UnpackList(2));
    }

    fn filter(&mut self, at: u32, name: &'static str, count: u16) {
        self.add(at, Instruction::ApplyFilter(name, Some(count), UNCACHED));
    }

    /// Adds an instruction at the place in the source of one of the engine.
    fn add(&mut self, at: u32, instruction: Instruction<'s>) {
        self.length = 1 + match (self.made.get_span(at), self.made.get_line(at)) {
            (Some(span), _) => self.new.add_with_span(instruction, span),
            (None, line) => {
                let line = line.and_then(|line| u16::try_from(line).ok()).unwrap_or(u16::MAX);
                self.new.add_with_line(instruction, line)
            }
        };
    }
}
