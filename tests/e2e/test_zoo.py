"""Bad plugins as a user meets them (docs/reliability.md, section 5, cases 27 to 40): exit status, the plugin's name in the
message, and the newest checkpoint whole.  The plugins are those of tests/runtime, and the C example with a fault built in."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from support import BUILD, EXAMPLES, ROOT, Case, main, need, samara, tiny_model

SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
ZOO = BUILD / "tests/runtime/plugins"
CONFIG = """[run]
output = "out"
[model]
path = "model"
[data]
train = ["{data}"]
max_records = 32
[plugins]
load = [{load}]
[[synthesizer]]
plugin = "{synthesizer}"
[[objective]]
plugin = "{objective}"
[optimizer]
plugin = "{optimizer}"
[train]
max_steps = 4
groups_per_step = 4
[checkpoint]
every_steps = 1
"""
# The case, the section whose plugin is evil, in which way, exit status, what the message says.
EVIL = [
    (35, "objective", "throws exception", 5, ["plugin bug"]),
    (35, "objective", "throws int", 5, ["no std::exception"]),
    (36, "objective", "nan", 7, ["is not finite, first at item 0"]),
    (36, "objective", "scalar", 5, ["has shape []"]),
    (36, "objective", "integer", 5, ["dtype int64"]),
    (36, "objective", "detached", 5, ["depends on no differentiable column"]),
    (37, "objective", "writes input", 5, ["shares memory with an input"]),
    (38, "optimizer", "nan", 7, ["not finite"]),
    (39, "synthesizer", "index", 5, []),
    (39, "synthesizer", "no candidates", 5, []),
    (34, "objective", "create fails", 4, ["beta and alpha cannot both be 0"]),
]
FAULT = """#include <string.h>
static int calls;
static int64_t fault(const samara_host* host, samara_call* call) {
    const char* how = getenv("FAULT"); /* of the third call */
    if (++calls != 3 || how == NULL) return SAMARA_OK;
    if (strcmp(how, "crash") == 0) *(volatile int*)8 = 1;
    if (strcmp(how, "exit") == 0) exit(0);
    host->set_error(call, (samara_str){"bug in call 3", 13});
    return SAMARA_INTERNAL;
}
"""


class Zoo(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory(prefix="samara-e2e-")
        tiny_model(pathlib.Path(cls.shared.name) / "model", **SMALL)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        super().setUp()
        need(ZOO / "rt_evil_objective.so", "the test plugins (target test_runtime)")
        (self.folder / "model").symlink_to(pathlib.Path(self.shared.name) / "model")

    def config(self, *load, **plugins):
        used = {"synthesizer": "samara.pairs", "objective": "samara.bradley_terry", "optimizer": "samara.sgd", **plugins}
        (self.folder / "run.toml").write_text(CONFIG.format(data=EXAMPLES / "data/preferences.jsonl",
                                                            load=", ".join(f'"{file}"' for file in load), **used))

    def run_it(self, *args, code=0, **env):
        done = samara("run", "run.toml", "--fp32-route", "stock", *args, cwd=self.folder, env={**self.env, **env}, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_what_cannot_be_loaded(self):  # cases 27 to 33
        copies = [shutil.copy(ZOO / "rt_good.so", self.folder / name) for name in ("one.so", "two.so", "open.so")]
        os.chmod(copies[2], 0o666)
        (self.folder / "text.so").write_text("hello")
        for files, words in ((["absent.so"], ["absent.so", "cannot be opened: No such file"]),
                             (["text.so"], ["text.so", "not an ELF shared library"]),
                             ([ZOO / "rt_no_entry.so"], ["exports no samara_plugin_entry"]),
                             ([ZOO / "rt_wrong_abi.so"], ["speaks ABI 7, this host speaks ABI 1"]),
                             (["open.so"], ["world-writable", "chmod o-w"]),
                             (["one.so", "two.so"], ["one.so", "two.so"]),
                             ([ZOO / "rt_unresolved.so"], ["samara_function_that_is_nowhere"])):
            with self.subTest(files=files):
                self.config(*files)
                said = self.run_it(code=4)
                self.assertIn("run.toml:9:", said)
                for word in words:
                    self.assertIn(word, said)
                self.assertFalse((self.folder / "out").exists())

    def test_what_breaks_the_contract(self):  # cases 34 to 39
        files = {"objective": "evil_objective", "optimizer": "evil_others", "synthesizer": "evil_synthesizer"}
        for case, section, what, code, words in EVIL:
            with self.subTest(case=case, what=what):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                plugin = f"test.evil_{section}"
                self.config(ZOO / f"rt_{files[section]}.so", **{section: f'{plugin}"\nparams = {{ what = "{what}" }} #'})
                said = self.run_it(code=code)
                self.assertIn(f"plugin '{plugin}'", said)
                for word in words:
                    self.assertIn(word, said)
                self.assertFalse((self.folder / "out/checkpoints").exists())
                self.assertFalse((self.folder / "out/model").exists())

    def faulty_objective(self):
        text = (EXAMPLES / "hello_objective/hello_objective.c").read_text()
        for before, after in (("#include <stdlib.h>\n", "#include <stdlib.h>\n" + FAULT),
                              ("    (void)call;\n    for", "    if (fault(me->host, call) != SAMARA_OK) return SAMARA_INTERNAL;\n    for")):
            self.assertEqual(text.count(before), 1)
            text = text.replace(before, after)
        (self.folder / "fault.c").write_text(text)
        subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", self.folder / "fault.c", "-o",
                        self.folder / "fault.so", "-lm"], check=True)

    def test_a_fault_after_some_steps(self):  # cases 35 and 40
        self.faulty_objective()
        self.config("fault.so", objective="example.hello_objective")
        self.run_it()
        out = self.folder / "out"
        whole = {name: (out / name).read_bytes() for name in ("metrics.jsonl", "model/model.safetensors", "done.json")}
        for how, code, words in (("error", 5, ["plugin 'example.hello_objective'", "bug in call 3"]),
                                 ("exit", 5, ["ended the process by exit()"]),
                                 ("crash", -signal.SIGSEGV, ["the process crashed in plugin 'example.hello_objective'", "--resume"])):
            shutil.rmtree(out)
            said = self.run_it(code=code, FAULT=how)
            for word in words:
                self.assertIn(word, said)
            self.assertEqual(sorted(path.name for path in (out / "checkpoints").iterdir()), ["step-00000001", "step-00000002"])
            self.assertIn("resumed at step 2 of 4", self.run_it("--resume"))
            self.assertEqual({name: (out / name).read_bytes() for name in whole}, whole)

    def test_a_library_that_ends_the_process_while_it_loads(self):  # case 34
        for body, words in (("*(volatile int*)8 = 1;", "the plugin ended the process: Segmentation fault"), ("exit(0);", "by exit()")):
            (self.folder / "load.c").write_text(
                "#include <samara/samara.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void load(void) { " + body + " }\n"
                "SAMARA_EXPORT const samara_entry samara_plugin_entry = {sizeof(samara_entry), SAMARA_MAGIC, SAMARA_ABI, 0, 0};\n")
            subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", self.folder / "load.c", "-o",
                            self.folder / "load.so"], check=True)
            done = samara("plugins", "check", self.folder / "load.so", env=self.env, check=False)
            self.assertIn(done.returncode, (4, 5), done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    main()
