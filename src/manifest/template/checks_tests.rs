use minijinja::{Value, context};

use super::{
    bounds,
    checks::{self, Form},
    engine,
};

/// The text, or why it is refused.
fn made(text: &str) -> Result<String, String> {
    let engine = engine();
    checks::fits(text, Form::Text).map_err(|refusal| refusal.message)?;
    let template = engine.template_from_named_str("text", text).map_err(|e| e.to_string())?;
    checks::check(text, Form::Text, None).map_err(|refusal| refusal.message)?;
    bounds::start();
    let context = context! {
        name => "Ada", seats => "40", price => "9.5", xs => vec!["b", "a", "b"],
        long => bounds::looked_up(Value::from("x".repeat(40_000))),
        huge => bounds::looked_up(Value::from("x".repeat(80_000))),
    };
    template.render(context).map_err(|error| super::message_of(&error))
}

fn refused(text: &str, why: &str) {
    let message = made(text).map(|made| made.len()).expect_err(text);
    assert!(message.contains(why), "{text}: {message}");
}

#[test]
fn what_messages_need_can_be_said() {
    for (text, shown) in [
        ("{{ name }}{{ name|upper }}", "AdaADA"),
        ("{{ 'Dr ' ~ name }}", "Dr Ada"),
        ("{{ name|default('Dr ' ~ name)|trim }}", "Ada"),
        ("{{ seats|int * 2 + price|float }}", "89.5"),
        ("{{ (seats|int + 1) * price|float|round(1) - 0.5 }}", "389.0"),
        ("{{ '%.2f'|format(price|float) }}", "9.50"),
        ("{% for x in xs|unique|sort %}{{ loop.index + 1 }}{{ x }}{% endfor %}", "2a3b"),
        ("{% for x in ['a', name] %}{{ x }},{% endfor %}", "a,Ada,"),
        ("{% for x in xs|default([])|reverse %}{{ x }}{% else %}-{% endfor %}", "bab"),
        ("{% for k, v in {'a': name}|items %}{{ k }}{{ v }}{% endfor %}", "aAda"),
        ("{% set n = seats|int + 1 %}{% set who = name|lower %}{{ n }}{{ who }}", "41ada"),
        ("{% if name in ['Ada', 'Liz'] and seats|int > 3 %}yes{% elif x %}{% endif %}", "yes"),
        (
            "{% raw %}{% set x = x ~ x %}{{ {% endraw %}{# {{ #}{{ {'a': {'b': 1}}.a.b }}",
            "{% set x = x ~ x %}{{ 1",
        ),
        ("{{ xs|sort(reverse=true)|join(d='-') }}", "b-b-a"),
        (
            "{{ xs|join(', ') }} {{ name|replace('a', 'e') }} {{ xs[1:]|list|length }}",
            "b, a, b Ade 2",
        ),
        ("{{ xs|select('eq', 'b')|list|length }}{{ xs|map('upper')|join }}", "2BAB"),
        ("{% set who = 'Dr ' ~ name %}{{ who }}, {{ 'dear ' ~ who }}", "Dr Ada, dear Dr Ada"),
        ("{%- if true -%} a {%- endif -%} {{- 1 -}}", "a1"),
    ] {
        assert_eq!(made(text).as_deref(), Ok(shown), "{text}");
    }
}

#[test]
fn a_small_text_cannot_grow_into_a_huge_one() {
    let again = "put together again";
    refused("{% for i in range(40) %}{% set x = x ~ x %}{% endfor %}", again);
    refused("{% set x = name ~ name %}{% set y = x ~ x %}", again);
    refused("{% set y = x ~ x %}{% set x = name + name %}", again);
    refused("{% set x = name ~ name %}{% set y = x %}{% set z = y ~ '!' %}", again);
    refused(
        "{% set x = name ~ 'a' %}{% for c in x|split('') %}{% set z = c ~ c %}{% endfor %}",
        again,
    );
    refused("{% set x = 1 + name|int('xx') %}{% set y = x + 1 %}", again);
    let around = "{% for c in [x] %}{% set z = loop.previtem ~ loop.previtem %}{% endfor %}";
    refused(&format!("{{% set x = name ~ name %}}{around}"), again);
    refused(
        "{% set x = name ~ name ~ name ~ name ~ name ~ name ~ name ~ name ~ name ~ name %}",
        "8 parts",
    );
    refused("{% set x = xs + [name] %}", "list");
    refused("{% set x = [name, name] %}", "list of other values");
    refused("{% set x = (name, name) %}", "list of other values");
    refused("{% set x = {'a': name} %}", "list of other values");
    refused("{% set x = name, name %}", "list of other values");
    refused("{% set x = name|default([name]) %}", "list of other values");
    refused("{% set x = xs[:] %}", "part of a list");
    refused("{% set x %}{{ name }}{{ name }}{% endset %}", "one name to one value");
    refused("{% set a, b = xs %}", "one name to one value");
    refused("{% for x in [name ~ name] %}{% endfor %}", "exists already");
    refused("{% for x in [[name, name]] %}{% endfor %}", "list of other values");
    refused("{% for x in [(name, name)] %}{% endfor %}", "list of other values");
    refused("{% for x in [name], [name] %}{% endfor %}", "syntax error");
    refused("{% for x in xs recursive %}{{ loop(xs) }}{% endfor %}", "cannot call itself");
    for tag in
        ["macro m(x)", "with x = 1", "filter upper", "autoescape true", "block b", "call m()"]
    {
        let word = tag.split(' ').next().unwrap_or_default();
        refused(&format!("{{% {tag} %}}{{% end{word} %}}"), "");
    }
    for product in [
        "'x' * 99999999",
        "99999999 * 'x'",
        "2 * name",
        "(2 if name else 'x') * 3",
        "(name) * 3",
        "2 * name|int('x')",
        "[name] * 9",
        "{'a': 'x'}.a * 9",
        "'x'.0 * 9",
        "xs.0 * 9",
    ] {
        refused(&format!("{{{{ {product} }}}}"), "only numbers can be multiplied");
        refused(&format!("{{% if {product} %}}{{% endif %}}"), "only numbers can be multiplied");
    }
    let many = ["name"; 10];
    refused(&format!("{{{{ {} }}}}", many.join(" ~ ")), "parts are put together");
    refused(&format!("{{{{ {} }}}}", many.join("+")), "parts are put together");
    refused("{{ [name, name] ~ name }}", "lists cannot be put together");
    refused("{{ name ~ (name, name) }}", "lists cannot be put together");
    refused("{{ range(*xs) }}", "stand for arguments");
    assert!(checks::check("'x' * 99999999 == name", Form::Expression, None).is_err());
    let good = "seats|int * 2 > 3 and name in ['a', name]";
    assert_eq!(checks::check(good, Form::Expression, None), Ok(()));
}

#[test]
fn filters_and_ranges_are_bounded() {
    refused("{{ huge }}", "64 KiB");
    refused("{{ long|replace('x', long) }}", "64 KiB");
    refused("{{ long|replace('', 'xx') }}", "64 KiB");
    refused("{{ range(2000)|join(name ~ long) }}", "64 KiB");
    refused("{{ range(2000)|join(d=long) }}", "64 KiB");
    refused("{{ (long ~ long)|upper }}", "64 KiB");
    refused("{{ [long, long]|length }}", "64 KiB");
    refused("{{ range(9000)|list }}", "64 KiB");
    refused("{{ range(10001) }}", "10,000");
    refused("{{ '%999999999d'|format(1) }}", "widths below 100");
    refused("{{ '%*d'|format(999999999, 1) }}", "widths below 100");
    for filter in ["pprint", "indent(999999999)", "batch(999999999, 1)", "slice(9)", "zip(xs)"] {
        refused(&format!("{{{{ name|{filter} }}}}"), "unknown");
    }
    refused("{% for i in range(9999) %}{% if long|upper == name %}{% endif %}{% endfor %}", "fuel");
    refused("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "fuel");
    refused(&format!("{{{{ [{}] }}}}", vec!["1"; 1500].join(",")), "words and signs");
    refused(&"{{ 1 }}".repeat(1001), "tags");
    refused(&format!("{{{{ name }}}}{}", "x".repeat(70_000)), "64 KiB");
}

#[test]
fn values_do_not_pile_up_in_loops() {
    // Each would be a value that asks the one before for its own, until the stack is full.
    for lazy in ["xs|reverse", "xs|select", "xs|map('string')", "xs|items", "xs|groupby('a')"] {
        let text = format!(
            "{{% for i in range(9999) %}}{{% set xs = {lazy} %}}{{% endfor %}}{{{{ xs }}}}"
        );
        let _ = made(&text);
    }
}

#[test]
fn what_the_engine_would_nest_too_deeply_for_the_stack_is_refused() {
    for (start, part, end) in [
        ("{{ name", ".a", " }}"),
        ("{{ name", "[1:]", " }}"),
        ("{{ name", "|upper", " }}"),
        ("{{ 1", " if 1 else 1", " }}"),
        ("{{ ", "not ", "1 }}"),
        ("{{ ", "-", "1 }}"),
        ("{{ ", "(", "1 }}"),
        ("{{ name", ".a", " ? }}"),
        ("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        ("", "{% if 1 %}", ""),
        ("", "{% for x in xs %}", ""),
    ] {
        for times in [90, 490, 990, 1900, 20_000] {
            let _ = made(&format!("{start}{}{end}", part.repeat(times)));
        }
        refused(&format!("{start}{}{end}", part.repeat(20_000)), "");
    }
}
