import assert from "node:assert/strict";
import test from "node:test";
import data from "../../../src/core/recognition/catalogue.json" with { type: "json" };
import {
  KIND_NAMES,
  makeCatalogue,
  mayBeOneProduct,
  type ProgramRule,
} from "../../../src/core/recognition/catalogue.ts";

const catalogue = makeCatalogue();
const rules = data.programs as readonly ProgramRule[];

test("every row says where its facts come from and in which month they were checked", () => {
  const ownSources = rules.filter(({ source, checked }) => (source ?? checked) !== undefined);
  const rows = [
    ...catalogue.products.map((product) => ({ ...product, of: product.id })),
    ...[...data.multiplexers, ...data.own].map((program) => ({ ...program, of: program.name })),
    ...data.graceFlags.map((flag) => ({ ...flag, of: flag.flag })),
    // A program without a source of its own has its product's.
    ...ownSources.map((rule) => ({ ...rule, of: rule.paths.join() })),
  ];
  for (const { of, source, checked } of rows) {
    assert.match(source ?? "", /^https:\/\/|^test\/fixtures\/|^unconfirmed: /, of);
    assert.match(checked ?? "", /^\d{4}-(?:0[1-9]|1[0-2])$/, of);
  }
});

test("every product and every role that names one has a kind of the list", () => {
  const roles = [...catalogue.programs.flatMap((program) => program.roles), ...catalogue.cli.roles];
  const kinds = [...catalogue.products, ...roles].flatMap(({ kind }) => kind ?? []);
  for (const kind of kinds) assert.ok(KIND_NAMES.includes(kind), kind);
  // What is never ended is recognised as no product's.
  assert.ok(!kinds.includes("own") && !kinds.includes("multiplexer"));
});

test("no name stands twice, and every rule is about a product of the list", () => {
  const ids = catalogue.products.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const key of ["directories", "cli", "launchers"] as const) {
    const names = catalogue.products.flatMap((product) => product[key] ?? []);
    assert.equal(new Set(names).size, names.length, key);
  }
  for (const { product } of rules) assert.ok(ids.includes(product), product);
  for (const { product } of data.installs) assert.ok(product === undefined || ids.includes(product), product);
});

test("a site's folder keeps the name and the kind of a product that is known", () => {
  const added = (product: string) =>
    makeCatalogue({ directories: [{ product, directory: ".acme/ide" }], patterns: [], sshd: [] });
  assert.equal(added("tunnel").products.at(-1)?.kind, "tunnel");
  assert.equal(added("tunnel").products.at(-1)?.name, "VS Code tunnel");
  const acme = { id: "acme", name: "acme", kind: "server", directories: [".acme/ide"] };
  assert.deepEqual(added("acme").products.at(-1), acme);
  // The shipped entry stays the one that names the product.
  assert.equal(added("tunnel").byId.get("tunnel")?.directories.length, 2);
});

test("without a site's additions nothing is added, and no name stands for a product that has none", () => {
  assert.deepEqual(catalogue.sshd, data.sshd);
  assert.deepEqual(catalogue.patterns, []);
  const names = (key: "cli" | "launchers"): string[] =>
    catalogue.products.flatMap((product) => product[key] ?? []);
  assert.deepEqual([...catalogue.cliProducts.keys()], names("cli"));
  assert.deepEqual([...catalogue.launcherProducts.keys()], names("launchers"));
});

test("a batch client is known by the file that the kernel names: qlogin and qrsh are links to qsh", () => {
  for (const name of "srun salloc sattach qsh qlogin qrsh qsub bsub condor_ssh_to_job flux".split(" "))
    assert.ok(catalogue.jobClients.includes(name), name);
  for (const name of ["squeue", "qstat", "bjobs", "ssh"])
    assert.ok(!catalogue.jobClients.includes(name), name);
});

test("a product that only its layout shows may be any", () => {
  assert.ok(mayBeOneProduct("vscode", "vscode"));
  assert.ok(mayBeOneProduct("unknown-fork", "vscode"));
  assert.ok(mayBeOneProduct("vscode", "unknown-fork"));
  assert.ok(!mayBeOneProduct("vscode", "cursor"));
});
