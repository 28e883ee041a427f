"""Third parties' plugins: one `cc` command outside the tree, then listed, described, checked and trained with; and our
own plugins rebuilt against the installed SDK give the same bytes: there is no side door."""
import json
import os
import shutil
import subprocess

from support import BUILD, EXAMPLES, ROOT, SAMARA, SMALL, Case, main, rows, samara, sha256, tiny_model, write_config

PLUGINS = BUILD / "lib/samara"
# Each run here has a cache of its own, so each would measure the fp32 route anew: the bytes are promised for one route.
ROUTE = ("--fp32-route", "stock")


class Plugins(Case):
    def compile_hello(self):
        source = EXAMPLES / "hello_objective/hello_objective.c"
        shutil.copy(source, self.folder)
        library = self.folder / "hello_objective.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", "hello_objective.c", "-o", library, "-lm"],
                       cwd=self.folder, check=True)
        return library

    def plugin_id(self, library):
        listed = samara("plugins", "list", "--json", "--plugin-dir", library.parent, env=self.env).stdout
        found = [row for row in map(json.loads, listed.splitlines()) if row["origin"] == "--plugin-dir"]
        self.assertEqual(len(found), 1, listed)
        return found[0]["id"]

    def test_a_plugin_from_one_cc_command_is_listed_described_checked_and_trained_with(self):
        programs = (SAMARA, SAMARA.parents[1] / "libexec/samara-host")
        before = [sha256(p) for p in programs]
        library = self.compile_hello()
        plugin = self.plugin_id(library)
        described = samara("plugins", "describe", plugin, "--plugin-dir", library.parent, env=self.env).stdout
        self.assertIn(f'plugin = "{plugin}"', described)
        checked = samara("plugins", "check", library, env=self.env).stdout
        self.assertIn("gradient", checked)
        self.assertNotIn("FAILED", checked)
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "out", more=f'[plugins]\nload = ["{library}"]\n')
        config.write_text(config.read_text().replace('plugin = "samara.mapl"', f'plugin = "{plugin}"'))
        samara("run", config, env=self.env)
        losses = [row["loss"] for row in rows(self.folder / "out/metrics.jsonl") if "eval" not in row]
        self.assertEqual(len(losses), 6)
        self.assertEqual(before, [sha256(p) for p in programs])

    def test_a_run_is_held_to_the_libraries_of_an_earlier_one(self):
        model = tiny_model(self.folder / "model", **SMALL)
        samara("run", write_config(self.folder, model, self.folder / "first", steps=1), env=self.env)
        lock = self.folder / "first/environment.json"
        kept = json.loads(lock.read_text())
        self.assertEqual(set(kept["plugins"]), {"samara.ifeval", "samara.pairs", "samara.mapl_intra", "samara.mapl_inter",
                                                "samara.mapl", "samara.adamw"})
        config = write_config(self.folder, model, self.folder / "second", steps=1)
        samara("run", config, "--locked", lock, env=self.env)
        for change in (lambda plugins: plugins["samara.adamw"].update(sha256="0" * 64), lambda plugins: plugins.pop("samara.adamw"),
                       lambda plugins: plugins.update({"samara.adamw": None})):
            other = json.loads(lock.read_text())
            change(other["plugins"])
            (self.folder / "other.json").write_text(json.dumps(other))
            config = write_config(self.folder, model, self.folder / "third", steps=1)
            done = samara("run", config, "--locked", self.folder / "other.json", env=self.env, check=False)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f'samara.adamw: SHA-256 "{kept["plugins"]["samara.adamw"]["sha256"]}"', done.stderr)
            self.assertRegex(done.stderr, r'locked: ("0{64}"|not named)\n')
            self.assertNotIn("samara.mapl", done.stderr)
            self.assertFalse((self.folder / "third").exists())
        for text in ("{}", "[1", '{"plugins": 3}'):
            (self.folder / "other.json").write_text(text)
            done = samara("run", config, "--locked", self.folder / "other.json", env=self.env, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("this is no environment.json", done.stderr)

    def test_an_optimizers_state_is_the_hosts_and_outlives_the_plugins_file(self):
        """Without the file the state is whole, readable and untouched; with the plugin anywhere else the run goes on."""
        model, home = tiny_model(self.folder / "model"), self.folder / "plugins"
        home.mkdir()
        library = home / "hello_optimizer.so"
        subprocess.run(["c++", "-std=c++20", "-shared", "-fPIC", "-I", ROOT / "sdk/include", EXAMPLES / "hello_optimizer.cpp",
                        "-o", library], check=True)

        def run(output, folder, *more, check=True):
            config = write_config(self.folder, model, output, steps=4)
            config.write_text(config.read_text().replace("samara.adamw", "example.hello_optimizer"))
            return samara("run", config, "--plugin-dir", folder, *ROUTE, *more, env=self.env, check=check)

        whole, cut = self.folder / "whole", self.folder / "cut"
        run(whole, home)
        run(cut, home)
        (cut / "done.json").unlink()  # as after a kill behind step 2
        shutil.rmtree(cut / "model")
        shutil.rmtree(cut / "checkpoints/step-00000004")
        away = self.folder / "elsewhere"
        home.rename(away)
        home.mkdir()
        state = cut / "checkpoints/step-00000002/tensors.safetensors"
        before = sha256(state)
        gone = run(cut, home, "--resume", check=False)
        self.assertEqual(gone.returncode, 2, gone.stderr)
        self.assertIn("no plugin 'example.hello_optimizer'", gone.stderr)
        self.assertEqual(sha256(state), before)
        from safetensors.torch import load_file
        velocity = [value for name, value in load_file(state).items() if name.startswith("optimizer.velocity.")]
        self.assertEqual(len(velocity), len(load_file(model / "model.safetensors")) + 1)  # and the head
        self.assertTrue(all(value.abs().max() > 0 for value in velocity))
        run(cut, away, "--resume")
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((cut / name).read_bytes(), (whole / name).read_bytes(), name)

    def test_the_search_order_and_the_environment_variable(self):
        library = self.compile_hello()
        plugin = self.plugin_id(library)
        listed = samara("plugins", "list", env={**self.env, "SAMARA_PLUGIN_PATH": str(library.parent)}).stdout
        self.assertIn("SAMARA_PLUGIN_PATH", listed)
        self.assertIn(plugin, listed)

    def test_a_group_writable_plugin_of_the_user_loads_and_a_world_writable_one_does_not(self):
        library = self.compile_hello()
        os.chmod(library, 0o664)  # umask 0002, the default of some distributions
        samara("plugins", "check", library, env=self.env)
        os.chmod(library, 0o666)
        done = samara("plugins", "check", library, env=self.env, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("writable", done.stderr)

    def test_our_plugins_rebuilt_outside_the_tree_give_the_same_bytes(self):
        model = tiny_model(self.folder / "model")
        samara("run", write_config(self.folder, model, self.folder / "a", steps=3), *ROUTE, env=self.env)
        sdk, source, build = self.folder / "sdk", self.folder / "plugins", self.folder / "build"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", sdk, "--component", "sdk"], check=True, capture_output=True)
        shutil.copytree(ROOT / "plugins", source)
        subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={sdk}",
                        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_STANDARD=20"], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", build, "-j", "2"], check=True, capture_output=True)
        # a copy of the command without our plugins beside it
        home = self.folder / "home/bin"
        home.mkdir(parents=True)
        shutil.copy(SAMARA, home)
        shutil.copytree(SAMARA.parents[1] / "libexec", self.folder / "home/libexec")
        env = {**os.environ, "SAMARA_CACHE_DIR": str(self.folder / "cache2"), "SAMARA_PLUGIN_PATH": str(build)}
        config = write_config(self.folder, model, self.folder / "b", steps=3)
        subprocess.run([home / "samara", "run", config, *ROUTE], env=env, check=True, capture_output=True, timeout=600)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes(), name)

    def test_one_library_or_several_and_their_order_do_not_matter(self):
        model = tiny_model(self.folder / "model")
        runs = []
        for name, order in (("one", 1), ("two", -1)):
            folders = []
            for library in sorted(PLUGINS.glob("*.so"))[::order]:
                folder = self.folder / name / library.stem
                folder.mkdir(parents=True)
                shutil.copy(library, folder)
                folders.append(str(folder))
            env = {"SAMARA_CACHE_DIR": str(self.folder / f"cache-{name}"), "SAMARA_PLUGIN_PATH": ":".join(folders)}
            samara("run", write_config(self.folder, model, self.folder / f"out-{name}", steps=2), *ROUTE, env=env)
            runs.append((self.folder / f"out-{name}/model/model.safetensors").read_bytes())
        self.assertEqual(runs[0], runs[1])


if __name__ == "__main__":
    main()
