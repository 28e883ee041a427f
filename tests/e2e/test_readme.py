"""Every command of the README, executed as it stands there; runs are shortened by appended --set options."""
import os
import re
import shutil
import subprocess

from support import BUILD, DEMO_MODEL, ROOT, Case, main, need

SHORT = ["--set", "train.max_steps=1", "--set", "eval.0.max_records=2", "--set", "checkpoint.every_steps=0"]


def commands():
    text = (ROOT / "README.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.S):
        for line in block.splitlines():
            line = line.split("  #")[0].strip()
            if line:
                yield line


class Readme(Case):
    def test_every_command_works(self):
        need(DEMO_MODEL, "the demo model (scripts/get_model)")
        need(ROOT / "build/release/bin/samara", "the release build")
        if BUILD.resolve() != (ROOT / "build/release").resolve():
            self.skipTest("the README speaks of build/release")
        found = list(commands())
        self.assertGreaterEqual(len(found), 5)
        seen = set()
        try:
            for number, line in enumerate(found):
                if line == "scripts/dev test":  # this test is a part of it
                    self.assertIn("scripts/dev test", (ROOT / ".ci/run").read_text())
                    continue
                runs = " run" in line
                extra = [*SHORT, "--set", f"run.output={self.folder}/run-{number}"] if runs else []
                quoted = " ".join(f"'{e}'" for e in extra)
                env = {**os.environ, "SAMARA_CACHE_DIR": os.environ.get("SAMARA_CACHE_DIR", str(DEMO_MODEL.parents[1]))}
                done = subprocess.run(f"{line} {quoted}", shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
                self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}\n{done.stderr}")
                seen.add(line.split()[0])
                if runs:
                    self.assertIn("accuracy", done.stdout)
                    self.assertTrue((self.folder / f"run-{number}/model/model.safetensors").exists())
                    shutil.rmtree(self.folder / f"run-{number}")
        finally:
            (ROOT / "hello_objective.so").unlink(missing_ok=True)
        self.assertLessEqual({"scripts/dev", "cc", "build/release/bin/samara"}, seen)


if __name__ == "__main__":
    main()
