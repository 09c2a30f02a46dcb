"""Encode awkward texts with HuggingFace's GPT-2 tokenizer: what any other tokenizer must agree with.

The vocabulary is read from `--vocab` and `--merges` (the vocab.json and merges.txt of GPT-2).
"""

import argparse
import json
from pathlib import Path

from transformers import GPT2TokenizerFast

CASES = {
    "hello": "Hello.",
    "empty": "",
    "one space": " ",
    "spaces only": "        ",
    "leading and trailing spaces": "  two before, two after  ",
    "run of spaces between words": "a b  c   d    e",
    "run of spaces before punctuation": "wait   ... what   ?!",
    "tabs": "\tone\t\ttwo \t three\t",
    "newlines": "one\ntwo\n\nthree\n\n\n",
    "CRLF": "one\r\ntwo\r\n\r\nthree\r\n",
    "mixed newlines": "a\nb\rc\r\nd\n\re\u2028f\u2029g\u0085h",
    "spaces around newlines": "end  \n  start\n \n \t\n",
    "non-breaking and wide spaces": "a\u00a0b\u00a0\u00a0c\u2003d\u3000e\u200bf",
    "contractions": "I'm sure they're here; we've said it's what he'd do, isn't it? She'll come.",
    "contractions in capitals": "THEY'RE HERE, IT'S WHAT HE'D DO, SHE'LL COME",
    "typographic apostrophes": "It’s what they’re for, “quoted”, ‘single’ — and…",
    "apostrophes alone": "' '' ''' 's 'll'S '",
    "digits": "0 1 12 123 1234 12345 3.14159 1,000,000 2024-02-29 0x1F -7e-10",
    "digits and letters": "b4 GPT2 4th x86_64 H2O",
    "other digits": "٠١٢٣ ४५६ ½ ² ₃ Ⅷ ①",
    "accents": "naïve café, Zürich, Łódź, São Paulo, Ångström",
    "combining characters": "e\u0301 a\u0308 n\u0303 o\u0302\u0323 Z\u0351\u036b\u0343",
    "emoji": "🙂 😀😀 ❤️ 👍🏽",
    "emoji with joiners": "👩‍👩‍👧‍👦 🏳️‍🌈 👩🏽‍🚀",
    "flags": "🇫🇷🇯🇵 🇺🇳",
    "Chinese": "我能吞下玻璃而不伤身体。",
    "Japanese": "私はガラスを食べられます。ｶﾀｶﾅ",
    "Korean": "나는 유리를 먹을 수 있어요. \u1112\u1161\u11ab",
    "Arabic": "أنا قادر على أكل الزجاج و هذا لا يؤلمني.",
    "Hebrew with points": "שָׁלוֹם עוֹלָם",
    "Hindi": "मैं काँच खा सकता हूँ",
    "Thai": "ฉันกินกระจกได้",
    "Russian": "Съешь ещё этих мягких французских булок",
    "Greek": "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία",
    "astral letters": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 𐍈 𠜎",
    "direction marks": "abc \u202eסוף\u202c \u200fdef\u200e",
    "control characters": "\u0001\u0002\u0007\b\u000b\u000c\u001b[31m red \u001b[0m\u007f\u0080\u009f",
    "NUL": "a\u0000b\u0000\u0000 c",
    "byte order mark": "\ufeffstart \ufeff middle",
    "replacement and noncharacters": "\ufffd \ufffe \uffff \U0010ffff",
    "end-of-text in the text": "before<|endoftext|>after <|endoftext|> <|endoftext|>",
    "nearly end-of-text": "<|endoftext| > <|ENDOFTEXT|> |endoftext|",
    "long word": "pneumonoultramicroscopicsilicovolcanoconiosis" * 4,
    "one letter repeated": "a" * 300,
    "punctuation": "!!! ?? ... --- *** ((([[[{{{<<<>>>}}}]]]))) #$%^&*~`|\\/",
    "underscores and dashes": "snake_case __init__ kebab-case camelCase SCREAMING_CASE",
    "Rust": 'fn main() {\n    let x: Vec<u8> = b"\\x00\\n".to_vec();\n\n    println!("{x:?}");\n}\n',
    "Python": "def f(x):\n\treturn {k: v**2 for k, v in x.items() if v != 0}  # comment\n",
    "JSON": '{"key": [1, 2.5, null, true], "nested": {"a\\"b": "\\u00e9"}}',
    "URL": "https://example.com/a/b?c=d&e=%20f#g mailto:someone@example.com",
    "Markdown": "# Title\n\n* item **bold**\n\n```sh\n$ ls -la\n```\n",
    "undecoded mojibake": "cafÃ© â€œquotesâ€\u009d SolidGoldMagikarp",
}


def main() -> None:
    """Write the cases with their ids; each must decode to itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", required=True, metavar="vocab.json")
    parser.add_argument("--merges", required=True, metavar="merges.txt")
    parser.add_argument("--out", type=Path, required=True, metavar="cases.json")
    args = parser.parse_args()

    tokenizer = GPT2TokenizerFast(vocab=args.vocab, merges=args.merges)
    cases = [{"name": name, "text": text, "ids": tokenizer.encode(text)} for name, text in CASES.items()]
    for case in cases:
        assert tokenizer.decode(case["ids"], clean_up_tokenization_spaces=False) == case["text"], case
    assert cases[0]["ids"] == [15496, 13]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]\n")
    print(f"{args.out}: {len(cases)} cases")


if __name__ == "__main__":
    main()
