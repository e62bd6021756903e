// The public API of a running hospital, and a browser to use it with.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const PASSWORD = "correct horse battery staple";

/** Where it serves: an address with a name, because passkeys are bound to one. */
export const base = process.env.GALEN_BASE;

/** Asks the API; resolves to the status and the document. */
export async function ask(method, where, { token, body } = {}) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(`${base}/api/v1${where}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

/** As `ask`, of what must succeed; resolves to the document. */
export async function must(method, where, request) {
    const reply = await ask(method, where, request);
    assert.ok(reply.status < 300, `${method} ${where}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
}

/** Registers somebody; resolves to their access token. */
export async function register(username) {
    const tokens = await must("POST", "/auth/register", { body: { username, password: PASSWORD } });
    return tokens.accessToken;
}

/** The claims of an access token, which the API verifies and this does not. */
export function claims(token) {
    return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}

/** A Chromium that knows nothing and asks nobody but the hospital. */
export async function browser() {
    const profile = await mkdtemp(path.join(tmpdir(), "galen-chromium-"));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        headless: true,
        args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
    return {
        context,
        async close() {
            await context.close();
            await rm(profile, { recursive: true, force: true });
        },
    };
}

/** A page of the hospital at this address, with an authenticator of its own. */
export async function page(context, address = base, features = {}) {
    const page = await context.newPage();
    await page.goto(`${address}/health/live`);
    const cdp = await context.newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
        options: {
            protocol: "ctap2",
            transport: "internal",
            hasResidentKey: true,
            hasUserVerification: true,
            isUserVerified: true,
            automaticPresenceSimulation: true,
            ...features,
        },
    });
    const authenticator = (command, parameters = {}) =>
        cdp.send(`WebAuthn.${command}`, { authenticatorId, ...parameters });
    return { page, authenticator };
}

/** `navigator.credentials.create()` with the API's options; resolves to its answer. */
export function create(page, publicKey) {
    return page.evaluate(async (json) => {
        const options = PublicKeyCredential.parseCreationOptionsFromJSON(json);
        return (await navigator.credentials.create({ publicKey: options })).toJSON();
    }, publicKey);
}

/** `navigator.credentials.get()` with the API's options; resolves to its answer. */
export function get(page, publicKey) {
    return page.evaluate(async (json) => {
        const options = PublicKeyCredential.parseRequestOptionsFromJSON(json);
        return (await navigator.credentials.get({ publicKey: options })).toJSON();
    }, publicKey);
}
