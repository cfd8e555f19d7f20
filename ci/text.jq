# Texts of comments and summaries. Words that are not ours (errors, addresses, answers of the API) stand
# in code spans and fenced blocks that nothing in them can end.

# One line, without what steers a terminal or misleads a reader.
def line: gsub("[\\p{Cc}\\p{Cf}\\p{Co}\\x{2028}\\x{2029}]"; "\ufffd");

def lines: gsub("\r\n"; "\n") | split("\n") | map(gsub("\t"; "  ") | line) | join("\n");

def cut($most): if length > $most then .[:$most] + "…" else . end;

def longest_run: [scan("`+") | length] | max // 0;

def ticks($least): (longest_run + 1) as $n | "`" * ([$n, $least] | max);

# A code span.
def code:
  line
  | ticks(1) as $ticks
  | (if . == "" or test("^[` ]|[` ]$") then " " else "" end) as $pad
  | $ticks + $pad + . + $pad + $ticks;

# A fenced block.
def fence: lines | ticks(3) as $ticks | "\($ticks)text\n\(sub("\n+$"; ""))\n\($ticks)\n";

# For a comment in HTML that ends in ` -->`, as programs look for it.
def marker: @uri | gsub("--"; "%2D%2D");

# As pushsync masks them (src/model/visitor.rs): anyone who knows a visitor id can open that chat.
def masked:
  length as $n
  | (if $n < 4 then [0, 0] elif $n < 8 then [1, 1] elif $n < 14 then [2, 2] else [4, 3] end) as [$head, $tail]
  | .[:$head] + "…" + .[$n - $tail:];

# KEY@VISITOR. Keys have no `@`, and are ASCII.
def address: split("@") as $parts | $parts[0] + "@" + ($parts[1:] | join("@") | masked);

# The Markdown of a plan, if its head and foot leave it too little room: folded entries go, from the end.
# Lines of texts are never `</details>` alone: they have a sign before them.
def fit($most):
  "\n**Left out, for want of room:** what comes after this. The counts above are complete.\n" as $told
  | if length <= $most then .
    else
      (.[:$most - ($told | length) - 20] | split("\n</details>\n")) as $parts
      | if ($parts | length) > 1 then ($parts[:-1] | join("\n</details>\n")) + "\n</details>\n" + $told
        else .[:1000] | "Too long to be shown; it begins so:\n\n" + fence
        end
    end;

def count($one; $many): "\(.) \(if . == 1 then $one else $many end)";
