"""Disks that are really full, at many sizes: a tmpfs in a mount namespace of the test's own; where none can be mounted, and
once in any case, a limit on the size of files.  What was published stays readable, the message names file and bytes, and
with room again the run ends with the bytes of one that had it all along.  SAMARA_DISK_SIZES=100 for the long form."""
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys

from support import EXAMPLES, SMALL, Case, main, samara, tiny_model

CONFIG = """[run]
output = "disk/out"
[model]
path = "model"
[data]
train = ["{data}"]
max_records = 64
[[synthesizer]]
plugin = "samara.pairs"
[[objective]]
plugin = "samara.bradley_terry"
[optimizer]
plugin = "samara.adamw"
[train]
max_steps = 4
groups_per_step = 4
[checkpoint]
every_steps = {every}
"""
TMPFS = os.environ.get("SAMARA_TEST_DISK") == "tmpfs"  # this process is in its own mount namespace
WHERE = ("config.toml", "cache/groups/", "checkpoints/step-00000001", "checkpoints/step-00000002", "checkpoints/step-00000003",
         "out/model")
# Sizes at which the disk is full in each of these places, KiB, and how often checkpoints are made.
SIZES = [(4, 1), (32, 1), (2000, 1), (14000, 1), (24000, 1), (12500, 3), (60000, 1)]


def namespace():
    """The command that starts another in a mount namespace where a tmpfs can be mounted; nothing if there is none."""
    for how in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        try:
            if subprocess.run([*how, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"], capture_output=True).returncode == 0:
                return how
        except OSError:
            pass
    return None


def mount(place, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)


class Disk(Case):
    def setUp(self):
        super().setUp()
        tiny_model(self.folder / "model", **SMALL)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.env["SAMARA_CACHE_DIR"] = str(self.disk / "cache")
        self.whole = {every: self.whole_run(every) for every in (1, 3)}

    def tearDown(self):
        subprocess.run(["umount", "--lazy", self.disk], capture_output=True)  # of a trial that failed
        super().tearDown()

    def run_it(self, *more, **how):
        return samara("run", "run.toml", "--fp32-route", "stock", *more, cwd=self.folder, env=self.env, check=False, **how)

    def config(self, every):
        (self.folder / "run.toml").write_text(CONFIG.format(data=EXAMPLES / "data/preferences.jsonl", every=every))

    def results(self):
        return {name: (self.disk / "out" / name).read_bytes() for name in ("metrics.jsonl", "model/model.safetensors", "done.json")}

    def whole_run(self, every):
        self.config(every)
        self.assertEqual(self.run_it().returncode, 0)
        results = self.results()
        self.empty()
        return results

    def empty(self):
        for path in self.disk.iterdir():
            shutil.rmtree(path)

    def check_what_is_published(self):
        """By nothing of ours but the manifests: size and SHA-256 of every file."""
        for manifest in self.disk.glob("out/**/manifest.json"):
            if ".tmp." in str(manifest):
                continue
            for name, fact in json.loads(manifest.read_text())["files"].items():
                data = (manifest.parent / name).read_bytes()
                self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (fact["bytes"], fact["sha256"]), manifest)
        self.assertIn(" 0 damaged", samara("cache", "verify", env=self.env).stdout)

    def trial(self, every, reason, room, **how):
        """A run without room, then with it; the place of the first that failed, "" if it had room enough."""
        self.config(every)
        done = self.run_it(**how)
        failed = ""
        if done.returncode != 0:
            self.assertEqual(done.returncode, 6, done.stderr)
            self.assertRegex(done.stderr, rf"error\[io\]: .*\(\d+ bytes\): {reason}")
            self.assertIn(f"--> {self.disk}/", done.stderr)
            failed = done.stderr.split("--> ")[1].splitlines()[0]
            kept = {path: path.read_bytes() for path in self.disk.glob("out/checkpoints/step-????????/*")}
            room()
            self.check_what_is_published()
            done = self.run_it("--resume")
            self.assertNotIn("damaged", done.stderr)
            if kept:
                self.assertIn(f"resumed at step {max(int(path.parent.name[5:]) for path in kept)} of 4", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results(), self.whole[every])
        self.assertEqual(list(self.disk.glob("out/**/*.tmp.*")), [])
        return failed

    def test_full_disks(self):
        if not TMPFS:
            print("\nNO FILE SYSTEM CAN BE MOUNTED HERE: full disks are tested by limits on the size of files alone", flush=True)
            return self.test_limits_on_the_size_of_files()
        sizes = int(os.environ.get("SAMARA_DISK_SIZES", 0))
        trials = [(n * 32000 // sizes + 4, 1 + 2 * (n % 2)) for n in range(sizes)] or SIZES
        failed = []
        for size, every in trials:
            mount(self.disk, f"size={size}k")
            failed.append(self.trial(every, "No space left on device", lambda: mount(self.disk, "remount,size=100m")))
            subprocess.run(["umount", self.disk], check=True)
        print("\n" + "\n".join(f"{size} KiB: {place or 'had room'}" for (size, _), place in zip(trials, failed)), flush=True)
        for part in WHERE:
            self.assertTrue(any(part in place for place in failed), f"no disk was full at {part}")
        self.assertIn("", failed)

    def test_limits_on_the_size_of_files(self):
        failed = []
        for size, every in ((512, 1), (20 << 10, 1), (5 << 20, 1)):
            failed.append(self.trial(every, "File too large", lambda: None,
                                     preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))))
            self.empty()
        self.assertTrue(all(part in place for part, place in zip(("config.toml", "cache/groups/", "checkpoints/step-"), failed)), failed)

    def test_a_read_only_disk(self):  # case 49
        if not TMPFS:
            return print("\nNO FILE SYSTEM CAN BE MOUNTED HERE: read-only disks are not tested", flush=True)
        mount(self.disk, "size=1m")
        (self.disk / "file").write_text("x")
        mount(self.disk, "remount,ro")
        self.env["SAMARA_CACHE_DIR"] = str(self.folder / "cache")
        done = self.run_it()
        self.assertEqual(done.returncode, 6)
        self.assertIn("Read-only file system", done.stderr)
        self.assertIn(f"--> {self.disk}/out", done.stderr)
        self.assertFalse((self.folder / "cache/groups").exists())
        subprocess.run(["umount", self.disk], check=True)


if __name__ == "__main__":
    how = None if TMPFS else namespace()
    if how:
        sys.exit(subprocess.run([*how, sys.executable, *sys.argv], env={**os.environ, "SAMARA_TEST_DISK": "tmpfs"}).returncode)
    main()
