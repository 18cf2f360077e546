// Lists the dashboard's packages from its lock file, in CycloneDX. npm's own "npm sbom" leaves out React, which tools of the build
// want as well, and refuses a lock file in which such a tool asks for "latest".
import { readFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("web/package-lock.json", "utf8"));

const components = Object.entries(lock.packages)
  .filter(([path, p]) => path !== "" && p.version && !p.link)
  .map(([path, p]) => {
    const name = p.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${p.version}`;
    const [algorithm, digest] = (p.integrity ?? "").split(/-(.*)/);
    return {
      "bom-ref": `${path}@${p.version}`,
      type: "library",
      name,
      version: p.version,
      purl,
      scope: p.dev || p.devOptional ? "excluded" : "required", // excluded: it builds or tests, and is not in the dashboard
      ...(algorithm === "sha512" && { hashes: [{ alg: "SHA-512", content: Buffer.from(digest, "base64").toString("hex") }] }),
      ...(p.license && { licenses: [{ expression: p.license }] }),
    };
  });

const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  version: 1,
  metadata: { timestamp: new Date().toISOString(), component: { type: "application", name: lock.name } },
  components,
};
console.log(JSON.stringify(bom, null, 2));
