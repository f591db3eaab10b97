// install.js: the package as npm would publish it, in an empty folder, without a network.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Packs the repository and installs the tarball in a new folder, beside an application. What it depends on is linked from
 * the repository.
 * @param app folder of the application, from the repository's root
 * @returns the folder with node_modules/shiftwise, the tarball, and how to remove both
 */
export function install(app = "tests/package/app") {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-package-"));
  // scripts are off: the build stands already, and other tests are reading it
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const packed = execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [{ filename }] = JSON.parse(packed);
  const tarball = join(folder, filename);
  const target = join(folder, "node_modules/shiftwise");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", target]);
  const { dependencies } = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  cpSync(join(root, app), folder, { recursive: true });
  cpSync(join(root, "examples/models/demo.safetensors"), join(folder, "public/demo.safetensors"));
  return { folder, tarball, remove: () => rmSync(folder, { recursive: true }) };
}
