-- A link that logs in.
insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), 'LOGIN_LINK', 'EMAIL', locale, 1, subject, body, true, now(), 1
from (values
('en', 'Your link to log in',
$$Hello {{username}},

somebody asked to log in to your account without a password. If it was you, do it here:
{{link}}

The link works once, for 15 minutes. If it was not you, you need not do anything. Never pass it on: whoever has it is logged in as you.

{{hospital}}
$$),
('de', 'Ihr Link zum Anmelden',
$$Guten Tag {{username}},

jemand möchte sich ohne Passwort bei Ihrem Konto anmelden. Wenn Sie das sind, tun Sie es hier:
{{link}}

Der Link gilt einmal und 15 Minuten lang. Wenn Sie es nicht waren, müssen Sie nichts tun. Geben Sie ihn nie weiter: Wer ihn hat, ist als Sie angemeldet.

{{hospital}}
$$),
('tr', 'Giriş bağlantınız',
$$Merhaba {{username}},

hesabınıza parolasız giriş yapılmak istendi. Siz istediyseniz buradan giriş yapın:
{{link}}

Bağlantı bir kez ve 15 dakika boyunca geçerlidir. Siz istemediyseniz bir şey yapmanız gerekmez. Bağlantıyı kimseyle paylaşmayın: ona sahip olan sizin adınıza giriş yapar.

{{hospital}}
$$),
('es', 'Su enlace para entrar',
$$Hola, {{username}}:

alguien ha pedido entrar en su cuenta sin contraseña. Si ha sido usted, entre aquí:
{{link}}

El enlace vale una sola vez, durante 15 minutos. Si no ha sido usted, no tiene que hacer nada. No lo comparta nunca: quien lo tenga entra como usted.

{{hospital}}
$$)
) as text (locale, subject, body);

insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), 'LOGIN_LINK', 'SMS', locale, 1, '', body, true, now(), 1
from (values
('en', 'Log in, within 15 minutes: {{link}} If you did not ask for it, ignore this.'),
('de', 'Anmelden, innerhalb von 15 Minuten: {{link}} Falls Sie das nicht wollten, ignorieren Sie dies.'),
('tr', '15 dakika içinde giriş yapın: {{link}} Siz istemediyseniz bu mesajı dikkate almayın.'),
('es', 'Entre, en 15 minutos: {{link}} Si no lo ha pedido, ignore este mensaje.')
) as text (locale, body);
