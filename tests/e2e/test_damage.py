"""The catalogue's cases of damaged caches, checkpoints and weights, of folders in use and of odd surroundings (docs/reliability.md,
section 5, cases 43 to 52): exit status, words, and what is left on disk."""
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import tempfile

from support import SAMARA, SMALL, Case, main, samara, tiny_model, write_config

ROUTE = ("--fp32-route", "stock")


def flip(path, at=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


def all_bytes(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Damage(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory(prefix="samara-e2e-")
        cls.models = pathlib.Path(cls.shared.name)
        tiny_model(cls.models / "model", **SMALL)
        tiny_model(cls.models / "other", **{**SMALL, "intermediate_size": 40})

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(self.models / "model", self.model)
        self.config = write_config(self.folder, self.model, self.folder / "out", steps=4)

    def verb(self, *args, code=0, env=None, **how):
        done = samara(*args, env={**self.env, **(env or {})}, check=False, **how)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def run_to(self, name, *args, **how):
        return self.verb("run", self.config, *ROUTE, "--set", f"run.output={self.folder / name}", *args, **how)

    def test_caches(self):  # case 43
        self.verb("synth", self.config)
        data, = self.folder.glob("cache/groups/*.h5")
        whole = data.read_bytes()
        for damaged in (whole[:5000], whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:], b"", b"not HDF5" * 999):
            data.write_bytes(damaged)
            broken = self.verb("cache", "verify", code=8).stderr
            self.assertIn("does not match its SHA-256", broken)
            self.assertIn(f"--> {data}", broken)
            self.assertIn("it is then rebuilt", broken)
            self.assertEqual(data.read_bytes(), damaged)
            rebuilt = self.verb("synth", self.config).stderr
            self.assertIn("corrupt cache", rebuilt)
            self.assertIn("kept as", rebuilt)
            self.assertEqual(data.read_bytes(), whole)
            bad = max(self.folder.glob("cache/groups/*.h5.bad*"), key=lambda path: path.stat().st_ctime_ns)
            self.assertEqual(bad.read_bytes(), damaged)
        self.assertIn("0 damaged", self.verb("cache", "verify").stdout)

    def test_another_tokenizer_makes_another_cache(self):  # case 44
        self.verb("synth", self.config)
        before = all_bytes(self.folder / "cache/groups")
        tokenizer = json.loads((self.model / "tokenizer.json").read_text())
        tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "id": 49152, "content": "<|more|>"})
        (self.model / "tokenizer.json").write_text(json.dumps(tokenizer))
        self.assertRegex(self.verb("cache", "explain", self.config).stdout, r"tokenizer: was \S+, is \S+")
        self.assertIn("synthesised", self.verb("synth", self.config).stderr)
        after = all_bytes(self.folder / "cache/groups")
        self.assertEqual({path: after[path] for path in before}, before)

    def unfinished(self):
        """A run whose end is gone: checkpoints of steps 2 and 4 are there."""
        out = self.folder / "out"
        self.run_to("out")
        (out / "done.json").unlink()
        shutil.rmtree(out / "model")
        return out, sorted((out / "checkpoints").iterdir())

    def test_checkpoints(self):  # case 46
        self.run_to("whole")
        out, (old, new) = self.unfinished()
        (new / "manifest.json").unlink()
        said = self.run_to("out", "--resume").stderr
        self.assertIn(f"checkpoint {new} is damaged and is skipped", said)
        self.assertIn("no manifest.json", said)
        self.assertIn("resumed at step 2", said)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((out / name).read_bytes(), (self.folder / "whole" / name).read_bytes(), name)
        (out / "done.json").unlink()
        flip(old / "tensors.safetensors")
        flip(new / "state.json", 20)
        before = all_bytes(out / "checkpoints")
        said = self.run_to("out", "--resume", code=8).stderr
        self.assertIn("no checkpoint of this run is sound", said)
        self.assertEqual(said.count("does not match its hash"), 2)
        self.assertEqual(all_bytes(out / "checkpoints"), before)

    def test_a_checkpoint_of_another_model(self):  # case 47
        out, _ = self.unfinished()
        shutil.rmtree(self.model)
        shutil.copytree(self.models / "other", self.model)
        before = {path: data for path, data in all_bytes(out).items() if path.parent.name.startswith("step-") or path.name == "metrics.jsonl"}
        said = self.run_to("out", "--resume", code=8).stderr
        self.assertIn("the checkpoint is of another model or optimizer", said)
        self.assertIn("other shape or dtype: model.model.layers.0.mlp.up_proj.weight", said)
        self.assertEqual({path: path.read_bytes() for path in before}, before)

    def test_weights(self):  # case 48
        pairs = self.folder / "pairs.jsonl"
        pairs.write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\n')
        weights = self.model / "model.safetensors"
        whole = weights.read_bytes()
        length, = struct.unpack("<Q", whole[:8])
        header, data = json.loads(whole[8:8 + length]), whole[8 + length:]
        first, second = sorted((k for k in header if k != "__metadata__"), key=lambda k: header[k]["data_offsets"])[:2]

        def with_header(change=lambda h: None, text=lambda t: t, data=data):
            changed = json.loads(json.dumps(header))
            change(changed)
            packed = text(json.dumps(changed)).encode()
            return struct.pack("<Q", len(packed)) + packed + data

        def shift(by):
            def change(h):
                h[second]["data_offsets"] = [n + by for n in h[second]["data_offsets"]]
            return change

        def huge(h):
            h[first]["shape"] = [2**32, 2**32]

        for content, words in (
                (struct.pack("<Q", 100_000_001) + whole[8:], "exceeds 100000000"),
                (with_header(shift(-4)), "overlaps"),
                (with_header(shift(4)), "hole before tensor"),
                (with_header(text=lambda t: f'{{"{first}": {json.dumps(header[first])}, ' + t[1:]), f"duplicate key '{first}'"),
                (with_header(huge), "overflows"),
                (with_header(data=data + b"x"), "trailing bytes"),
                (with_header(data=data[:-1]), "truncated")):
            weights.write_bytes(content)
            said = self.verb("score", self.model, pairs, code=8).stderr
            self.assertIn(words, said)
            self.assertIn(f"--> {weights}", said)
            self.assertEqual(weights.read_bytes(), content)

    def test_output_that_cannot_be_written(self):  # case 49; read-only and full disks: test_disk.py
        (self.folder / "file").write_text("x")
        for output, words in ((self.folder / "file/out", "Not a directory"), (self.folder / ("x" * 300), "name too long"),
                              (self.folder / ("x" * 200 + "/") / ("y/" * 2000), "name too long"), ("/proc/out", "cannot create")):
            said = self.verb("run", self.config, *ROUTE, "--set", f"run.output={output}", code=6).stderr
            self.assertIn(words, said)
            self.assertFalse((self.folder / "cache/groups").exists())
        self.assertEqual((self.folder / "file").read_text(), "x")
        sealed = self.folder / "sealed"
        sealed.mkdir()
        sealed.chmod(0o555)
        if os.geteuid() != 0:  # root may write anywhere: read-only file systems stop it too, see test_disk.py
            self.verb("run", self.config, *ROUTE, "--set", f"run.output={sealed / 'out'}", code=6)

    def test_a_folder_in_use(self):  # case 50
        long = ("--set", "train.max_steps=5000", "--set", "run.output=" + str(self.folder / "out"))
        run = subprocess.Popen([SAMARA, "run", self.config, *ROUTE, *long], env={**os.environ, **self.env}, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            while not run.stderr.readline().startswith("train 3/"):
                self.assertIsNone(run.poll())
            busy = self.verb("run", self.config, *ROUTE, *long, "--resume", code=10).stderr
            self.assertIn(f"process {run.pid} on {os.uname().nodename}", busy)
            self.assertIsNone(run.poll())
        finally:
            run.kill()
            run.communicate()
        # The dead run's lock is none.
        again = subprocess.Popen([SAMARA, "run", self.config, *ROUTE, *long, "--resume"], env={**os.environ, **self.env},
                                 text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = "start"
        while line and not line.startswith("train "):
            line = again.stderr.readline()
        again.send_signal(signal.SIGTERM)
        again.communicate()
        self.assertEqual(again.returncode, 75)

    def test_out_of_memory_names_the_micro_batch(self):  # case 51
        more = ("--set", "train.groups_per_step=200", "--set", "train.tokens_per_batch=1000000", "--set", "train.max_steps=1")
        self.run_to("small", "--set", "train.max_steps=1")  # caches

        def limit():  # of memory that is written to; the libraries' code does not count
            resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))

        said = self.run_to("out", *more, code=9, preexec=limit).stderr
        self.assertRegex(said, r"error\[memory\]: out of memory")
        self.assertRegex(said, r"a micro-batch of \d+ groups with \d+ tokens, the longest candidate \d+")
        self.assertIn("tokens_per_batch", said)

    def test_surroundings_change_no_byte(self):  # case 52
        self.run_to("whole")

        def same(name):
            for file in ("metrics.jsonl", "model/model.safetensors", "eval/held-out-step-3.jsonl", "done.json"):
                self.assertEqual((self.folder / name / file).read_bytes(), (self.folder / "whole" / file).read_bytes(), f"{file} of {name}")

        for name, env in (("colour", {"NO_COLOR": "1", "TERM": "dumb"}), ("german", {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}),
                          ("turkish", {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Apia"})):
            self.run_to(name, env=env)
            same(name)
        # Descriptors that are closed must not be taken for stdout and stderr by the next file.
        closed = [SAMARA, "run", self.config, *ROUTE, "--set", f"run.output={self.folder / 'closed'}"]
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *closed], env={**os.environ, **self.env})
        self.assertEqual(done.returncode, 0)
        same("closed")
        self.assertRegex((self.folder / "closed/lock").read_text(), r"^process \d+ on \S+$")
        # A reader that has gone.
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([SAMARA, "run", self.config, *ROUTE, "--set", f"run.output={self.folder / 'gone'}"], stdout=writer,
                              stderr=writer, env={**os.environ, **self.env})
        os.close(writer)
        self.assertEqual(done.returncode, 0)
        same("gone")
        # A full disk behind a redirection is no such thing.
        with open("/dev/full", "w") as full:
            done = subprocess.run([SAMARA, "plugins", "describe", "samara.adamw"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("--> stdout", done.stderr)
        # A clock that was set back: all files are of next year.
        out, _ = self.unfinished()
        for path in [*out.rglob("*"), *(self.folder / "cache").rglob("*"), *self.model.rglob("*")]:
            os.utime(path, (path.stat().st_mtime + 366 * 86400,) * 2)
        (out / "checkpoints/step-00000004/manifest.json").unlink()
        self.assertIn("reused from the cache", self.run_to("out", "--resume").stderr)
        same("out")


if __name__ == "__main__":
    main()
