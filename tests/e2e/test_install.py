"""docs/install.md: the installed tree works from anywhere, and scripts/dev does what it can without root and network."""
import os
import shutil
import subprocess

from support import BUILD, EXAMPLES, ROOT, Case, main, samara, tiny_model, write_config


class Install(Case):
    def test_the_installed_tree_trains(self):
        prefix = self.folder / "prefix"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
        moved = self.folder / "moved"
        prefix.rename(moved)
        # Nothing of the build folder or of the caller's environment helps it.
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.env}
        command = moved / "bin/samara"
        listed = subprocess.run([command, "plugins", "list"], env=env, capture_output=True, text=True)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertEqual(listed.stdout, samara("plugins", "list", env=self.env).stdout)
        config = write_config(self.folder, tiny_model(self.folder / "model"), self.folder / "run", steps=1)
        done = subprocess.run([command, "run", config], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        include = moved / "include"
        subprocess.run(["cc", "-shared", "-fPIC", "-I", include, EXAMPLES / "hello_objective/hello_objective.c", "-o", self.folder / "hello.so", "-lm"], check=True)
        self.assertEqual(subprocess.run([command, "plugins", "check", self.folder / "hello.so"], env=env, capture_output=True).returncode, 0)


class Dev(Case):
    """scripts/dev among stubs: an ordinary user, no package, nobody at the terminal."""

    def setUp(self):
        super().setUp()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        (self.folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/dev", self.folder / "scripts/dev")
        self.stub("id", "echo 1000")
        self.stub("dpkg-query", "exit 1")
        self.stub("apt-get", "exit 1")
        self.stub("sudo", "exit 1")
        self.stub("python3", 'case "$*" in *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;; *) exit 1 ;; esac')
        self.stub("cmake", f'echo "$@" >> {self.folder}/cmake.log')

    def stub(self, name, text):
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def build(self, **env):
        clean = {k: v for k, v in os.environ.items() if k != "CMAKE_PREFIX_PATH"}
        return subprocess.run([self.folder / "scripts/dev", "build"], env={**clean, "PATH": f"{self.bin}:{os.environ['PATH']}", **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def calls(self):
        log = self.folder / "cmake.log"
        return log.read_text().splitlines() if log.exists() else []

    def test_without_root_it_says_what_is_absent_and_builds(self):
        done = self.build(CMAKE_PREFIX_PATH="/some/libtorch")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("dev: not root, so not installed: g++ cmake ", done.stderr)
        self.assertIn("docs/install.md", done.stderr)
        self.assertEqual(self.calls()[0], "--preset release")
        self.assertTrue(self.calls()[1].startswith("--build build/release"))
        self.assertFalse((self.folder / ".venv").exists())  # a LibTorch was named: no environment is made

    def test_a_torch_that_python_has_is_enough(self):
        self.stub("python3", "exit 0")
        self.assertEqual(self.build().returncode, 0)
        self.assertEqual(len(self.calls()), 2)

    def test_without_torch_and_network_it_ends_with_a_way_out(self):
        done = self.build()
        self.assertEqual(done.returncode, 1)
        self.assertIn("give a LibTorch that is here by CMAKE_PREFIX_PATH (docs/install.md)", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_it_works_where_no_apt_is(self):
        paths = self.folder / "tools"  # no apt-get but in the stubs, so those lose it and hide the system's
        paths.mkdir()
        for name in ("bash", "sh", "env", "dirname", "cat", "nproc", "mkdir", "cp", "grep"):
            (paths / name).symlink_to(shutil.which(name))
        (self.bin / "apt-get").unlink()
        done = self.build(PATH=f"{self.bin}:{paths}", CMAKE_PREFIX_PATH="/tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no apt-get here, so nothing is installed", done.stderr)


if __name__ == "__main__":
    main()
