// browsers.js: the engines with a page: each opens app/page.html in its own way, and the page posts what it found.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, serve, skip } from "../browser/chromium.js";
import { TIME_LIMIT, versionOf } from "./processes.js";

/** As docs/browser.md has it. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** What keeps Firefox from asking the user, and from the network. */
const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

/**
 * Serves a folder and opens its page.
 * @param open takes the page's address and a function to call if the browser ends; gives a function that closes it
 * @returns what the page posts
 */
async function visit(folder, open) {
  const posted = deferred();
  const server = await serve(folder, { isolated: true, policy: POLICY, receive: posted.resolve });
  const late = setTimeout(posted.reject, TIME_LIMIT, new Error(`the page has not answered in ${TIME_LIMIT / 1000} s`));
  let close;
  try {
    close = await open(`${server.address}/page.html`, posted.reject);
    const { results, failure } = JSON.parse(await posted.promise);
    if (failure) throw new Error(failure);
    return results;
  } finally {
    clearTimeout(late);
    await close?.();
    await server.stop();
  }
}

/** A promise with its ends; later Nodes have Promise.withResolvers. */
function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  // it may fail before anyone waits for it
  parts.promise.catch(() => {});
  return parts;
}

/** Starts a program in a process group and with a home of its own. @returns how to end it with all that it started */
function start(program, args, onEnd, { home = null, ...env } = {}) {
  const stdio = ["ignore", "ignore", "pipe"];
  const own = home ?? mkdtempSync(join(tmpdir(), "shiftwise-home-"));
  const child = spawn(program, args, { detached: true, stdio, env: { ...process.env, HOME: own, ...env } });
  let said = "";
  child.stderr.on("data", (part) => {
    said = (said + part).slice(-2000);
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.once("error", onEnd);
  child.once("exit", (status) => onEnd(new Error(`${program} has ended with ${status}: ${said}`)));
  const kill = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // it has ended by itself
    }
  };
  const remove = () => rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  const abandon = () => {
    kill();
    remove();
  };
  process.once("exit", abandon);
  return async () => {
    process.off("exit", abandon);
    kill();
    await ended;
    remove();
  };
}

/** A display in memory. @returns its name and how to end it */
async function startDisplay() {
  const child = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "800x600x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const name = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`Xvfb has ended with ${status}`)));
    child.stdio[3].once("data", (line) => resolve(`:${String(line).trim()}`));
  });
  return { name, stop: () => child.kill() };
}

const firefox = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path)) ?? "/usr/bin/firefox-esr";

/** WebKitGTK's own browser for tests, of whichever version of its interface. */
function findMiniBrowser() {
  for (const architecture of existsSync("/usr/lib") ? readdirSync("/usr/lib") : []) {
    for (const version of ["webkitgtk-6.0", "webkit2gtk-4.1", "webkit2gtk-4.0"]) {
      const path = `/usr/lib/${architecture}/${version}/MiniBrowser`;
      if (existsSync(path)) return path;
    }
  }
  return null;
}
const miniBrowser = findMiniBrowser();

export const BROWSERS = {
  chromium: {
    title: "Chromium",
    lacks: [],
    install: "apt-get install chromium",
    async version() {
      if (skip) return null;
      const browser = await launch();
      await browser.close();
      return browser.version();
    },
    measure: (folder) =>
      visit(folder, async (address) => {
        const browser = await launch();
        await (await browser.newPage()).goto(address);
        return () => browser.close();
      }),
  },
  firefox: {
    title: "Firefox",
    lacks: [],
    install: "apt-get install firefox-esr",
    version: () => versionOf(firefox),
    measure: (folder) =>
      visit(folder, (address, onEnd) => {
        const home = mkdtempSync(join(tmpdir(), "shiftwise-home-"));
        const lines = Object.entries(FIREFOX_PREFERENCES).map(([key, value]) => {
          return `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});`;
        });
        writeFileSync(join(home, "user.js"), lines.join("\n"));
        return start(firefox, ["--headless", "--no-remote", "--profile", home, address], onEnd, { home });
      }),
  },
  webkit: {
    title: "WebKitGTK",
    lacks: [],
    install: "apt-get install libwebkit2gtk-4.1-0 xvfb",
    async version() {
      if (!miniBrowser || !existsSync("/usr/bin/Xvfb")) return null;
      const display = await startDisplay();
      try {
        return versionOf(miniBrowser, "--version", { DISPLAY: display.name });
      } finally {
        display.stop();
      }
    },
    async measure(folder) {
      const display = await startDisplay();
      // its JavaScript engine shares memory only if asked to, unlike Safari's
      const env = { DISPLAY: display.name, JSC_useSharedArrayBuffer: "1", NO_AT_BRIDGE: "1" };
      try {
        return await visit(folder, (address, onEnd) => start(miniBrowser, [address], onEnd, env));
      } finally {
        display.stop();
      }
    },
  },
  wpe: {
    title: "WPE",
    // Debian 12 has WPE 2.38, without wasm SIMD
    lacks: ["wasm", "threads"],
    install: "apt-get install cog",
    version: () => versionOf("/usr/bin/cog", "--version", {}, /WPE WebKit (\d[\w.]*)/),
    measure: (folder) =>
      visit(folder, (address, onEnd) => start("/usr/bin/cog", ["--platform=headless", address], onEnd)),
  },
};
