"""samara cache: list, verify, prune; two runs that build one cache at the same time; the cache's folder."""
import os
import re
import subprocess
import time

from support import SAMARA, Case, main, samara, sha256, tiny_model, write_config


class Cache(Case):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "cache"
        self.model = tiny_model(self.folder / "model")

    def config(self, output="run", **how):
        return write_config(self.folder, self.model, self.folder / output, **how)

    def files(self, pattern):
        return sorted(self.cache.glob(pattern))

    def verify(self, *runs, code=0):
        done = samara("cache", "verify", *runs, env=self.env, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def prune(self, *args):
        return samara("cache", "prune", *args, env=self.env).stdout

    def test_verify_names_what_is_damaged_and_prune_takes_it(self):
        config = self.config()
        samara("synth", config, env=self.env)
        samara("synth", config, "--set", "data.seed=5", env=self.env)
        self.assertIn("2 sound, 0 damaged", self.verify().stdout)
        data = self.files("groups/*.h5")[0]
        whole = data.read_bytes()
        data.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
        broken = self.verify(code=8)
        self.assertIn("1 sound, 1 damaged", broken.stdout)
        self.assertIn(f"--> {data}", broken.stderr)
        self.assertIn("does not match its SHA-256", broken.stderr)
        told = self.prune("--damaged", "--dry-run")
        self.assertEqual(told.count("would remove"), 1)
        self.assertTrue(data.exists())
        self.assertEqual(self.prune("--damaged").count("removed "), 1)
        self.assertFalse(data.exists())
        self.assertIn("1 sound, 0 damaged", self.verify().stdout)
        # An old one goes by its last use; what is young stays.
        manifest, = self.files("groups/*.json")
        for file in self.files("groups/*"):
            os.utime(file, (1, 1))
        self.assertIn(str(manifest), self.prune("--older-than", 30, "--dry-run"))
        samara("synth", config, env=self.env)  # builds or uses: now it is young
        self.prune("--older-than", 30)
        manifest, = self.files("groups/*.json")
        self.assertEqual(self.prune("--max-size", "1kB").count("removed "), 1)
        self.assertEqual(self.files("groups/*"), [])
        refused = samara("cache", "prune", env=self.env, check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--older-than", refused.stderr)
        self.assertEqual(samara("cache", "verify", self.folder, env=self.env, check=False).returncode, 2)

    def test_a_running_run_keeps_its_cache(self):
        run = subprocess.Popen([SAMARA, "run", str(self.config(steps=400))], env={**os.environ, **self.env}, stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
        try:
            while not self.files("groups/*.json"):
                self.assertIsNone(run.poll())
                time.sleep(0.01)
            pruned = self.prune("--max-size", "0B")
        finally:
            run.terminate()
            error = run.communicate()[1]
        self.assertEqual(run.returncode, 75, error)
        self.assertIn("in use, kept", pruned)
        self.assertNotIn("removed ", pruned)
        self.assertNotIn("in use", self.prune("--max-size", "0B"))
        self.assertEqual(self.files("groups/*.json"), [])

    def test_two_runs_that_build_one_cache_both_end_right(self):
        route = ("--fp32-route", "stock")
        runs = {}
        for name in ("a", "b"):
            path = self.folder / name
            path.mkdir()
            runs[name] = write_config(path, self.model, path / "run", steps=2)
        started = [subprocess.Popen([SAMARA, "run", str(config), *route], env={**os.environ, **self.env},
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for config in runs.values()]
        ends = [(process.communicate()[1], process.returncode) for process in started]
        for text, code in ends:
            self.assertEqual(code, 0, text)
        metrics = [(self.folder / name / "run/metrics.jsonl").read_bytes() for name in runs]
        self.assertEqual(*metrics)
        self.assertEqual(self.files("groups/*.bad*"), [])
        self.assertEqual(self.files("groups/*.tmp.*"), [])
        self.assertIn("0 damaged", self.verify().stdout)
        keys = {re.search(r"training data: .*\(key (\w+)\)", text).group(1) for text, _ in ends}
        self.assertEqual(len(keys), 1)
        third = samara("run", runs["a"], "--set", f"run.output={self.folder}/c", *route, env=self.env)
        self.assertIn("reused from the cache", third.stderr)
        self.assertEqual((self.folder / "c/metrics.jsonl").read_bytes(), metrics[0])

    def test_the_folder_is_that_of_the_environment(self):
        config = self.config()
        for env, place in (({"SAMARA_CACHE_DIR": str(self.folder / "own"), "XDG_CACHE_HOME": str(self.folder / "xdg")}, "own"),
                           ({"SAMARA_CACHE_DIR": "", "XDG_CACHE_HOME": str(self.folder / "xdg")}, "xdg/samara")):
            self.assertEqual(samara("cache", "list", env=env).stdout, "")
            samara("synth", config, env=env)
            self.assertEqual(len(list((self.folder / place / "groups").glob("*.json"))), 1)
            self.assertEqual(len(samara("cache", "list", env=env).stdout.splitlines()), 1)


if __name__ == "__main__":
    main()
