// Passkeys as people use them: a real Chromium with a virtual authenticator, against
// the running binary.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, base, browser, claims, create, get, must, page, register } from "./hospital.mjs";

const REGISTRATION = "/auth/passkeys/registration";
const AUTHENTICATION = "/auth/passkeys/authentication";

let chromium;
before(async () => { chromium = await browser(); });
after(() => chromium?.close());

/** Adds a passkey to an account; resolves to it as the API shows it. */
async function add(tab, token, name) {
    const { ceremonyId, publicKey } = await must("POST", `${REGISTRATION}/options`, { token });
    const credential = await create(tab.page, publicKey);
    return must("POST", `${REGISTRATION}/verify`, { token, body: { ceremonyId, name, credential } });
}

/** Asks for a login and signs it; resolves to what is to be verified. */
async function sign(tab, body = {}) {
    const { ceremonyId, publicKey } = await must("POST", `${AUTHENTICATION}/options`, { body });
    return { ceremonyId, credential: await get(tab.page, publicKey) };
}

const verify = (body) => ask("POST", `${AUTHENTICATION}/verify`, { body });

function refused(reply, code = "PASSKEY_NOT_ACCEPTED") {
    assert.deepEqual([reply.status, reply.body.code], [401, code]);
}

test("a passkey is registered, logs in without a name, and works once", async () => {
    const token = await register("nadia");
    const tab = await page(chromium.context);
    const passkey = await add(tab, token, "Laptop");
    assert.equal(passkey.name, "Laptop");
    assert.equal(passkey.backedUp, false);

    const signed = await sign(tab);
    const login = await verify(signed);
    assert.equal(login.status, 200, JSON.stringify(login.body));
    const { accessToken, refreshToken } = login.body;
    const me = await must("GET", "/auth/me", { token: accessToken });
    assert.equal(me.username, "nadia");
    assert.deepEqual(claims(accessToken).amr, ["hwk"]);
    await must("POST", "/auth/refresh", { body: { refreshToken } });

    refused(await verify(signed));
    refused(await verify({ ...signed, ceremonyId: (await sign(tab)).ceremonyId }));

    const [listed] = (await must("GET", "/auth/passkeys", { token })).items;
    assert.equal(listed.id, passkey.id);
    assert.ok(listed.lastUsedAt >= listed.createdAt);
});

test("a name binds the login to its account, and options tell nothing about it", async () => {
    const tab = await page(chromium.context);
    await add(tab, await register("omar"));
    const shape = async (body) => {
        const { publicKey } = await must("POST", `${AUTHENTICATION}/options`, { body });
        return { ...publicKey, challenge: null };
    };
    assert.deepEqual(await shape({ username: "omar" }), await shape({ username: "nobody" }));
    assert.equal((await verify(await sign(tab, { username: "OMAR" }))).status, 200);
    refused(await verify(await sign(tab, { username: "nobody" })));
});

test("an authenticator holds one passkey of an account", async () => {
    const tab = await page(chromium.context);
    const token = await register("paula");
    await add(tab, token);
    await assert.rejects(add(tab, token), /InvalidStateError/);
});

test("without its user's finger an authenticator signs nothing", async () => {
    const tab = await page(chromium.context);
    await add(tab, await register("quentin"));
    await tab.authenticator("setUserVerified", { isUserVerified: false });
    await assert.rejects(sign(tab), /NotAllowedError/);
});

test("another site can neither make nor use a passkey of the hospital", async () => {
    const elsewhere = await page(chromium.context, base.replace("localhost", "127.0.0.1"));
    const token = await register("rosa");
    await assert.rejects(add(elsewhere, token), /SecurityError/);
    await assert.rejects(sign(elsewhere), /SecurityError/);
});

test("a passkey in a keychain says that it is backed up", async () => {
    const tab = await page(chromium.context, base, {
        defaultBackupEligibility: true,
        defaultBackupState: true,
    });
    const passkey = await add(tab, await register("samir"));
    assert.equal(passkey.backedUp, true);
    assert.equal((await verify(await sign(tab))).status, 200);
});

test("a copy of a passkey is recognised when both are used", async () => {
    const tab = await page(chromium.context);
    await add(tab, await register("tessa"));
    const copied = (await tab.authenticator("getCredentials")).credentials[0];
    for (let times = 0; times < 2; times += 1) {
        assert.equal((await verify(await sign(tab))).status, 200);
    }
    // The thief's authenticator has the key and the count of the moment it was copied.
    const thief = await page(chromium.context);
    await tab.authenticator("clearCredentials");
    await thief.authenticator("addCredential", { credential: copied });
    refused(await verify(await sign(thief)), "PASSKEY_POSSIBLY_COPIED");
});

test("a passkey that was removed opens nothing", async () => {
    const tab = await page(chromium.context);
    const token = await register("ulla");
    const passkey = await add(tab, token);
    await must("DELETE", `/auth/passkeys/${passkey.id}`, { token });
    refused(await verify(await sign(tab)));
});
