"""The catalogue of docs/reliability.md, section 5, as a user meets it: exit status, what the message says, and that nothing
on disk is changed.  Damage of files and the disk itself are test_damage.py; plugins' own faults test_zoo.py."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from support import SAMARA, SMALL, Case, main, samara, tiny_model

BASE = """[run]
output = "out"
[model]
path = "model"
[data]
train = ["train.jsonl"]
max_tokens = 200
[[synthesizer]]
plugin = "samara.pairs"
[[objective]]
plugin = "samara.bradley_terry"
params = { beta = 1.0 }
[optimizer]
plugin = "samara.adamw"
[train]
max_steps = 2
groups_per_step = 4
[schedule]
learning_rate = 1e-3
"""
GOOD = '{"prompt": "Why?", "chosen": "Because it is so.", "rejected": "No."}'


def replaced(*pairs):
    text = BASE
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def more(text):
    return BASE + text


# Case, file (text, or bytes), --set, exit status, what stderr says.  Without a status: `check` finds no problem.
CONFIGURATIONS = [
    (1, replaced(("learning_rate", "learing_rate")), [], 2,
     ["unknown key 'learing_rate' in [schedule]", "run.toml:19:1", "did you mean 'learning_rate'?"]),
    (2, more("max_steps = 3\n"), [], 2, ["unknown key 'max_steps' in [schedule]", "run.toml:20:1", "belongs under [train]"]),
    (3, replaced(("1e-3", '"1e-5"')), [], 2, ["expected a float in [0, inf), got the string \"1e-5\"", "run.toml:19:17"]),
    (4, replaced(("beta = 1.0", "beta = -0.1")), [], 2, ["expected a float in (0, inf), got -0.1", "run.toml:12:19"]),
    (5, more("learning_rate = 2e-3\n"), [], 2, ["given twice", "run.toml:20:1", "run.toml:19:1"]),
    (6, replaced(('"model"', '"model')), [], 2, ["syntax error", "run.toml:4:14", "^", "is a closing quote missing?"]),
    (7, replaced(("groups_per", "group_per"), ("train.jsonl", "gone.jsonl"), ("samara.pairs", "samara.pears"), ("beta", "betta"),
                 ("max_steps = 2", "max_steps = 2.5")), [], 2,
     ["run.toml:6:10", "run.toml:9:10", "run.toml:12:12", "run.toml:16:13", "run.toml:17:1"]),
    (8, "x = " + "[" * 10000, [], 2, ["64"]),
    (8, "x" + ".a" * 10000 + " = 1", [], 2, ["nests deeper than 64 levels"]),
    (9, b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode(), [], None, []),
    (9, BASE.encode().replace(b'"model"', b'"mod\xffel"'), [], 2, ["byte 0xff is not valid UTF-8", "run.toml:4:12"]),
    (10, "", [], 2, ["run.toml"]),
    (11, BASE, ["train.max_steps=abc", "nope=1"], 2,
     ["command line --set #1", "train.max_steps: expected an integer", "command line --set #2", "unknown key 'nope'"]),
    (12, replaced(("max_steps = 2", "max_steps = 1e30")), [], 2, ["train.max_steps: expected an integer", "got 1e+30"]),
    (12, replaced(("1e-3", "nan")), [], 2, ["schedule.learning_rate: expected a finite number, got nan"]),
    (13, replaced(("max_steps = 2", "max_steps = 2\nepochs = 1")), [], 2,
     ["train.epochs and train.max_steps are both given", "run.toml:16:13"]),
    (13, more('[dpo]\nreference = "none"\n'), [], 2, ["dpo"]),
    (15, replaced(('"model"', '"${SAMARA_UNSET}/model"')), [], 2, ["model.path", "'SAMARA_UNSET' is not set", "run.toml:4:8"]),
    (41, replaced(("beta = 1.0", "betta = 1.0")), [], 2, ["'betta'", "run.toml:12:12", "did you mean 'beta'?"]),
]

# Case, the data's bytes, changes of the configuration, exit status, what stderr says.
DATA = [
    (16, f"{GOOD}\n" * 4811 + '{"prompt": oops' + "x" * 500 + f"\n{GOOD}\n", (), 3, ["train.jsonl:4812:12", "malformed JSON"]),
    (17, f"{GOOD}\n[]\n", (), 3, ["train.jsonl:2:1", "a row must be a JSON object, not an array"]),
    (18, '{"prompt": "p", "chosen": "a"}\n', (), 3, ["train.jsonl:1:1", "field 'rejected' is missing"]),
    (18, '{"prompt": "p", "chosen": 3, "rejected": "b"}\n', (), 3, ["train.jsonl:1:17", "field 'chosen' must be text"]),
    (18, '{"prompt": "p", "chosen": "", "rejected": "b"}\n', (), 3, ["field 'chosen' is empty"]),
    (18, '{"prompt": "p", "chosen": "a", "rejected": "a"}\n', (), 3, ["field 'rejected' is equal to chosen"]),
    (19, f"{GOOD}\n{{}}\n{GOOD}\n{{}}\n", ("skip", 2), 0, ["2 malformed rows skipped", "train.jsonl:2:1", "train.jsonl:4:1"]),
    (19, f"{GOOD}\n{{}}\n{GOOD}\n{{}}\n", ("skip", 1), 3, ["more bad rows than max_bad_rows = 1", "train.jsonl:4:1"]),
    (20, f"{GOOD}\r\n\n  \t\n{GOOD}", (), 0, ["training data: 2 groups"]),
    (20, '{"prompt": "' + "x" * (64 << 20) + f'"}}\n{GOOD}\n', (), 3, ["train.jsonl:1:", "longer than 67108864 bytes"]),
    (21, f"{GOOD}\n{GOOD[:40]}", (), 3, ["train.jsonl:2:41", "probably truncated"]),
    (22, "", (), 3, ["the files hold no row"]),
    (22, f"{GOOD}\n", ("max_tokens", 4), 3, ["no group is left", '"too_long":{"candidates":2']),
    (23, f"{GOOD}\n" + GOOD.replace("Why?", "why " * 300) + "\n", (), 0,
     ["2 candidates over max_tokens removed", "1 relations and 1 whole groups", "train:2"]),
    (24, GOOD.replace("No.", "\\ud800") + "\n", (), 3, ["train.jsonl:1:", "surrogate"]),
    (24, GOOD.replace("No.", "a\\u0000b") + "\n", (), 3, ["U+0000"]),
    (24, GOOD.replace('"Why?"', '"Why?", "n": 1e400') + "\n", (), 3, ["a number is too large"]),
    (24, GOOD.replace('"Why?"', '"Why?", "prompt": "p"') + "\n", (), 3, ["duplicate key 'prompt'"]),
]


class Faults(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory(prefix="samara-e2e-")
        cls.model = tiny_model(pathlib.Path(cls.shared.name) / "model", **SMALL)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        super().setUp()
        (self.folder / "model").symlink_to(self.model)
        (self.folder / "train.jsonl").write_text(f"{GOOD}\n" * 8)
        (self.folder / "run.toml").write_text(BASE)

    def bytes_on_disk(self):
        """Everything but what a run may add: the cache, and in its own folder the lock and its configuration."""
        files = [f for f in self.folder.rglob("*") if f.is_file() and f.name not in ("lock", "config.toml")]
        return {f: (f.stat().st_mtime_ns, f.read_bytes()) for f in files if self.folder / "cache" not in f.parents}

    def run_it(self, *args, verb="run", **how):
        route = ("--fp32-route", "stock") if verb == "run" else ()
        return samara(verb, "run.toml", *route, *args, cwd=self.folder, env={**self.env, **how.pop("env", {})}, check=False, **how)

    def refused(self, code, words, *args, **how):
        before = self.bytes_on_disk()
        done = self.run_it(*args, **how)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error\[[a-z-]+\]: ")
        self.assertNotIn("bug of Samara", done.stderr)
        self.assertEqual(self.bytes_on_disk(), before)
        self.assertEqual(list(self.folder.glob("cache/groups/*.h5")), [])
        return done

    def test_configurations(self):
        for case, text, sets, code, words in CONFIGURATIONS:
            with self.subTest(case=case, words=words):
                (self.folder / "run.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
                if code is None:
                    self.assertEqual(self.run_it(verb="check").returncode, 0)
                    continue
                done = self.refused(code, words, *(arg for one in sets for arg in ("--set", one)))
                self.assertFalse((self.folder / "out").exists())
                places = [done.stderr.index(word) for word in words if word.startswith("run.toml:")]
                if case == 7:
                    self.assertEqual(places, sorted(places))
                    self.assertEqual(done.stderr.count("error["), 5)

    def test_a_file_that_is_none(self):  # case 10
        (self.folder / "run.toml").unlink()
        self.refused(2, ["run.toml", "no such file"])
        (self.folder / "run.toml").mkdir()
        self.refused(2, ["run.toml"])
        done = samara("run", "/proc/self/mem", env=self.env, check=False)  # opens and cannot be read, for root too
        self.assertEqual(done.returncode, 6)
        self.assertIn("/proc/self/mem", done.stderr)
        self.assertEqual(samara("run", "x" * 5000, env=self.env, check=False).returncode, 2)

    def test_a_folder_with_another_run(self):  # case 14
        self.assertEqual(self.run_it().returncode, 0)
        shutil.rmtree(self.folder / "cache")
        self.refused(2, ["already holds a run", "--resume"])
        self.refused(8, ["of another configuration", "max_steps"], "--resume", "--set", "train.max_steps=3")

    def test_data(self):
        for case, text, changes, code, words in DATA:
            with self.subTest(case=case, words=words):
                (self.folder / "train.jsonl").write_text(text)
                rules = {"skip": 'on_bad_row = "skip"\nmax_bad_rows = {}\nmax_tokens = 200', "max_tokens": "max_tokens = {}"}
                config = BASE.replace("max_tokens = 200", rules[changes[0]].format(changes[1])) if changes else BASE
                (self.folder / "run.toml").write_text(config)
                for left in ("out", "cache"):
                    shutil.rmtree(self.folder / left, ignore_errors=True)
                if code == 0:
                    done = self.run_it()
                    self.assertEqual(done.returncode, 0, done.stderr)
                    for word in words:
                        self.assertIn(word, done.stderr)
                    continue
                done = self.refused(code, words)
                self.assertEqual(sorted(f.name for f in (self.folder / "out").iterdir()), ["config.toml", "lock"])
                self.assertLess(len(done.stderr), 2000)
                if case == 16:
                    self.assertEqual(len(done.stderr.split(" in: ")[1].split("\n")[0]), 80)

    def test_equal_labels_and_a_single_record(self):  # case 25
        rows = [{"prompt": f"p{n}", "response": "a b", "label": True} for n in range(8)]
        (self.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for objective, params in (("kto", '{kl = "none"}'), ("bco", "{}")):
            done = self.run_it("--set", f"objective.0.plugin=samara.{objective}", "--set", f"objective.0.params={params}",
                               "--set", f"run.output={objective}")
            self.assertEqual(done.returncode, 0, done.stderr)
            losses = [json.loads(line)["loss"] for line in (self.folder / objective / "metrics.jsonl").read_text().splitlines()]
            self.assertEqual(len(losses), 2)
            self.assertTrue(all(isinstance(loss, float) for loss in losses))
        # One record has no partner: contrasts between records have nothing to pair it with.
        (self.folder / "train.jsonl").write_text(f"{GOOD}\n")
        (self.folder / "run.toml").write_text(BASE.replace("[[objective]]", """[[synthesizer]]
plugin = "samara.mapl_inter"
[[instructions]]
plugin = "samara.ifeval"
[[objective]]"""))
        done = self.run_it("--set", "run.output=single")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len((self.folder / "single/metrics.jsonl").read_text().splitlines()), 2)

    def test_a_file_that_changes_while_it_is_read(self):  # case 26
        data = self.folder / "train.jsonl"
        data.write_text(f"{GOOD}\n" * 600000)
        run = subprocess.Popen([SAMARA, "run", "run.toml", "--fp32-route", "stock"], cwd=self.folder, text=True,
                               env={**os.environ, **self.env}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        descriptors = pathlib.Path(f"/proc/{run.pid}/fd")

        def reads():
            try:
                return any(os.readlink(fd) == str(data) for fd in descriptors.iterdir())
            except OSError:
                return False

        while run.poll() is None and not reads():
            time.sleep(0.001)
        with data.open("a") as file:
            file.write(GOOD + "\n")
        message = run.communicate()[1]
        self.assertEqual(run.returncode, 3, message)
        self.assertIn("changed while it was read", message)
        self.assertIn(str(data), message)
        self.assertEqual(list(self.folder.glob("cache/groups/*")), [])


if __name__ == "__main__":
    main()
