-- The texts Galen brings, in English, German, Turkish and Spanish. A hospital
-- replaces them by uploading and activating its own versions.
insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), name, 'EMAIL', locale, 1, subject, body, true, now(), 1
from (values
('APPOINTMENT_CONFIRMATION', 'en', 'Your appointment on {{date}}',
$$Dear {{patientName}},

your appointment is booked.

When: {{date}}, {{time}} to {{endTime}}
With: {{practitionerName}}
For: {{serviceType}}

If you cannot come, please tell us in good time.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'en', 'Your appointment on {{date}} is cancelled',
$$Dear {{patientName}},

as you wished, your appointment on {{date}} at {{time}} with {{practitionerName}} is cancelled.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'en', 'We had to cancel your appointment on {{date}}',
$$Dear {{patientName}},

we are sorry: we had to cancel your appointment on {{date}} at {{time}} with {{practitionerName}}. Please book another one, or call us and we will find one for you.

{{hospital}}
$$),
('APPOINTMENT_RESCHEDULED', 'en', 'Your appointment was moved to {{date}}',
$$Dear {{patientName}},

your appointment was moved.

New time: {{date}}, {{time}} to {{endTime}}
With: {{practitionerName}}
For: {{serviceType}}

{{hospital}}
$$),
('APPOINTMENT_NEEDS_RESCHEDULE', 'en', 'Your appointment on {{date}} has to be moved',
$$Dear {{patientName}},

your appointment on {{date}} at {{time}} with {{practitionerName}} cannot take place as planned. We will contact you to agree on another time.

{{hospital}}
$$),
('APPOINTMENT_REMINDER', 'en', 'Reminder: your appointment on {{date}} at {{time}}',
$$Dear {{patientName}},

this is a reminder of your appointment.

When: {{date}}, {{time}} to {{endTime}}
With: {{practitionerName}}
For: {{serviceType}}

If you cannot come, please tell us.

{{hospital}}
$$),
('APPOINTMENT_MISSED', 'en', 'We missed you on {{date}}',
$$Dear {{patientName}},

you had an appointment on {{date}} at {{time}} with {{practitionerName}}, and we did not see you. If you still need it, please book another one.

{{hospital}}
$$),
('WAITLIST_OFFER', 'en', 'An appointment on {{date}} has become free',
$$Dear {{patientName}},

an earlier appointment has become free.

When: {{date}}, {{time}} to {{endTime}}
With: {{practitionerName}}

It is kept for you until {{offerDate}}, {{offerTime}}. Please accept or decline it in your account.

{{hospital}}
$$),
('ACCOUNT_WELCOME', 'en', 'Welcome to {{hospital}}',
$$Hello,

an account was made for you. Your user name is {{username}}.

Choose your password here:
{{link}}

The link works once and for a limited time.

{{hospital}}
$$),
('PASSWORD_RESET', 'en', 'Set a new password',
$$Hello {{username}},

somebody asked for a new password for your account. If it was you, set it here:
{{link}}

The link works once and for a limited time. If it was not you, you need not do anything.

{{hospital}}
$$),

('APPOINTMENT_CONFIRMATION', 'de', 'Ihr Termin am {{date}}',
$$Guten Tag {{patientName}},

Ihr Termin ist gebucht.

Wann: {{date}}, {{time}} bis {{endTime}} Uhr
Bei: {{practitionerName}}
Für: {{serviceType}}

Falls Sie nicht kommen können, sagen Sie uns bitte rechtzeitig Bescheid.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'de', 'Ihr Termin am {{date}} ist abgesagt',
$$Guten Tag {{patientName}},

wie gewünscht ist Ihr Termin am {{date}} um {{time}} Uhr bei {{practitionerName}} abgesagt.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'de', 'Wir mussten Ihren Termin am {{date}} absagen',
$$Guten Tag {{patientName}},

es tut uns leid: Wir mussten Ihren Termin am {{date}} um {{time}} Uhr bei {{practitionerName}} absagen. Bitte buchen Sie einen neuen, oder rufen Sie uns an, und wir finden einen für Sie.

{{hospital}}
$$),
('APPOINTMENT_RESCHEDULED', 'de', 'Ihr Termin wurde auf {{date}} verlegt',
$$Guten Tag {{patientName}},

Ihr Termin wurde verlegt.

Neue Zeit: {{date}}, {{time}} bis {{endTime}} Uhr
Bei: {{practitionerName}}
Für: {{serviceType}}

{{hospital}}
$$),
('APPOINTMENT_NEEDS_RESCHEDULE', 'de', 'Ihr Termin am {{date}} muss verlegt werden',
$$Guten Tag {{patientName}},

Ihr Termin am {{date}} um {{time}} Uhr bei {{practitionerName}} kann nicht wie geplant stattfinden. Wir melden uns bei Ihnen, um eine andere Zeit zu vereinbaren.

{{hospital}}
$$),
('APPOINTMENT_REMINDER', 'de', 'Erinnerung: Ihr Termin am {{date}} um {{time}} Uhr',
$$Guten Tag {{patientName}},

wir erinnern Sie an Ihren Termin.

Wann: {{date}}, {{time}} bis {{endTime}} Uhr
Bei: {{practitionerName}}
Für: {{serviceType}}

Falls Sie nicht kommen können, sagen Sie uns bitte Bescheid.

{{hospital}}
$$),
('APPOINTMENT_MISSED', 'de', 'Ihr Termin am {{date}}',
$$Guten Tag {{patientName}},

Sie hatten am {{date}} um {{time}} Uhr einen Termin bei {{practitionerName}}, aber wir haben Sie nicht gesehen. Wenn Sie ihn noch brauchen, buchen Sie bitte einen neuen.

{{hospital}}
$$),
('WAITLIST_OFFER', 'de', 'Ein Termin am {{date}} ist frei geworden',
$$Guten Tag {{patientName}},

ein früherer Termin ist frei geworden.

Wann: {{date}}, {{time}} bis {{endTime}} Uhr
Bei: {{practitionerName}}

Er ist für Sie bis {{offerDate}}, {{offerTime}} Uhr reserviert. Bitte nehmen Sie ihn in Ihrem Konto an, oder lehnen Sie ihn ab.

{{hospital}}
$$),
('ACCOUNT_WELCOME', 'de', 'Willkommen: {{hospital}}',
$$Guten Tag,

für Sie wurde ein Konto angelegt. Ihr Benutzername ist {{username}}.

Wählen Sie hier Ihr Passwort:
{{link}}

Der Link gilt einmal und nur für begrenzte Zeit.

{{hospital}}
$$),
('PASSWORD_RESET', 'de', 'Neues Passwort setzen',
$$Guten Tag {{username}},

jemand hat für Ihr Konto ein neues Passwort angefordert. Wenn Sie das waren, setzen Sie es hier:
{{link}}

Der Link gilt einmal und nur für begrenzte Zeit. Wenn Sie es nicht waren, müssen Sie nichts tun.

{{hospital}}
$$),

('APPOINTMENT_CONFIRMATION', 'tr', '{{date}} tarihli randevunuz',
$$Sayın {{patientName}},

randevunuz oluşturuldu.

Tarih: {{date}}, saat {{time}} - {{endTime}}
Hekim: {{practitionerName}}
Konu: {{serviceType}}

Gelemeyecekseniz lütfen bize zamanında haber verin.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'tr', '{{date}} tarihli randevunuz iptal edildi',
$$Sayın {{patientName}},

isteğiniz üzerine {{date}} saat {{time}} için {{practitionerName}} ile olan randevunuz iptal edildi.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'tr', '{{date}} tarihli randevunuzu iptal etmek zorunda kaldık',
$$Sayın {{patientName}},

üzgünüz: {{date}} saat {{time}} için {{practitionerName}} ile olan randevunuzu iptal etmek zorunda kaldık. Lütfen yeni bir randevu alın veya bizi arayın.

{{hospital}}
$$),
('APPOINTMENT_RESCHEDULED', 'tr', 'Randevunuzun yeni tarihi: {{date}}',
$$Sayın {{patientName}},

randevunuzun zamanı değişti.

Yeni zaman: {{date}}, saat {{time}} - {{endTime}}
Hekim: {{practitionerName}}
Konu: {{serviceType}}

{{hospital}}
$$),
('APPOINTMENT_NEEDS_RESCHEDULE', 'tr', '{{date}} tarihli randevunuzun değişmesi gerekiyor',
$$Sayın {{patientName}},

{{date}} saat {{time}} için {{practitionerName}} ile olan randevunuz planlandığı gibi yapılamayacak. Yeni bir zaman belirlemek için sizi arayacağız.

{{hospital}}
$$),
('APPOINTMENT_REMINDER', 'tr', 'Hatırlatma: {{date}} saat {{time}} randevunuz',
$$Sayın {{patientName}},

randevunuzu hatırlatırız.

Tarih: {{date}}, saat {{time}} - {{endTime}}
Hekim: {{practitionerName}}
Konu: {{serviceType}}

Gelemeyecekseniz lütfen bize haber verin.

{{hospital}}
$$),
('APPOINTMENT_MISSED', 'tr', '{{date}} tarihli randevunuz',
$$Sayın {{patientName}},

{{date}} saat {{time}} için {{practitionerName}} ile randevunuz vardı, ancak sizi göremedik. Hâlâ ihtiyacınız varsa lütfen yeni bir randevu alın.

{{hospital}}
$$),
('WAITLIST_OFFER', 'tr', '{{date}} için bir randevu boşaldı',
$$Sayın {{patientName}},

daha erken bir randevu boşaldı.

Tarih: {{date}}, saat {{time}} - {{endTime}}
Hekim: {{practitionerName}}

{{offerDate}} saat {{offerTime}} zamanına kadar sizin için ayrıldı. Lütfen hesabınızdan kabul edin veya reddedin.

{{hospital}}
$$),
('ACCOUNT_WELCOME', 'tr', 'Hoş geldiniz: {{hospital}}',
$$Merhaba,

sizin için bir hesap açıldı. Kullanıcı adınız: {{username}}.

Parolanızı buradan belirleyin:
{{link}}

Bağlantı bir kez ve sınırlı bir süre için geçerlidir.

{{hospital}}
$$),
('PASSWORD_RESET', 'tr', 'Yeni parola belirleme',
$$Merhaba {{username}},

hesabınız için yeni bir parola istendi. Siz istediyseniz buradan belirleyin:
{{link}}

Bağlantı bir kez ve sınırlı bir süre için geçerlidir. Siz istemediyseniz bir şey yapmanız gerekmez.

{{hospital}}
$$),

('APPOINTMENT_CONFIRMATION', 'es', 'Su cita del {{date}}',
$$Estimado/a {{patientName}}:

su cita está reservada.

Cuándo: {{date}}, de {{time}} a {{endTime}}
Con: {{practitionerName}}
Para: {{serviceType}}

Si no puede venir, avísenos con tiempo, por favor.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'es', 'Su cita del {{date}} está cancelada',
$$Estimado/a {{patientName}}:

como ha pedido, su cita del {{date}} a las {{time}} con {{practitionerName}} está cancelada.

{{hospital}}
$$),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'es', 'Hemos tenido que cancelar su cita del {{date}}',
$$Estimado/a {{patientName}}:

lo sentimos: hemos tenido que cancelar su cita del {{date}} a las {{time}} con {{practitionerName}}. Reserve otra, por favor, o llámenos y le buscaremos una.

{{hospital}}
$$),
('APPOINTMENT_RESCHEDULED', 'es', 'Su cita se ha cambiado al {{date}}',
$$Estimado/a {{patientName}}:

su cita se ha cambiado.

Nueva hora: {{date}}, de {{time}} a {{endTime}}
Con: {{practitionerName}}
Para: {{serviceType}}

{{hospital}}
$$),
('APPOINTMENT_NEEDS_RESCHEDULE', 'es', 'Hay que cambiar su cita del {{date}}',
$$Estimado/a {{patientName}}:

su cita del {{date}} a las {{time}} con {{practitionerName}} no puede tener lugar como estaba previsto. Nos pondremos en contacto con usted para acordar otra hora.

{{hospital}}
$$),
('APPOINTMENT_REMINDER', 'es', 'Recordatorio: su cita del {{date}} a las {{time}}',
$$Estimado/a {{patientName}}:

le recordamos su cita.

Cuándo: {{date}}, de {{time}} a {{endTime}}
Con: {{practitionerName}}
Para: {{serviceType}}

Si no puede venir, avísenos, por favor.

{{hospital}}
$$),
('APPOINTMENT_MISSED', 'es', 'Su cita del {{date}}',
$$Estimado/a {{patientName}}:

tenía una cita el {{date}} a las {{time}} con {{practitionerName}} y no le hemos visto. Si todavía la necesita, reserve otra, por favor.

{{hospital}}
$$),
('WAITLIST_OFFER', 'es', 'Ha quedado libre una cita el {{date}}',
$$Estimado/a {{patientName}}:

ha quedado libre una cita anterior.

Cuándo: {{date}}, de {{time}} a {{endTime}}
Con: {{practitionerName}}

Se la guardamos hasta el {{offerDate}} a las {{offerTime}}. Acéptela o recházela en su cuenta, por favor.

{{hospital}}
$$),
('ACCOUNT_WELCOME', 'es', 'Bienvenido/a: {{hospital}}',
$$Hola:

se ha creado una cuenta para usted. Su nombre de usuario es {{username}}.

Elija su contraseña aquí:
{{link}}

El enlace vale una sola vez y por tiempo limitado.

{{hospital}}
$$),
('PASSWORD_RESET', 'es', 'Establecer una nueva contraseña',
$$Hola, {{username}}:

alguien ha pedido una nueva contraseña para su cuenta. Si ha sido usted, establézcala aquí:
{{link}}

El enlace vale una sola vez y por tiempo limitado. Si no ha sido usted, no tiene que hacer nada.

{{hospital}}
$$)
) as text (name, locale, subject, body);

-- Short enough for one or two SMS, and without names: a telephone is read by others.
insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), name, 'SMS', locale, 1, '', body, true, now(), 1
from (values
('APPOINTMENT_CONFIRMATION', 'en', 'Your appointment is booked for {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'en', 'Your appointment on {{date}}, {{time}} is cancelled as you wished. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'en', 'We are sorry: we had to cancel your appointment on {{date}}, {{time}}. Please book another one. {{hospital}}'),
('APPOINTMENT_RESCHEDULED', 'en', 'Your appointment was moved to {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_NEEDS_RESCHEDULE', 'en', 'Your appointment on {{date}}, {{time}} has to be moved. We will contact you. {{hospital}}'),
('APPOINTMENT_REMINDER', 'en', 'Reminder: your appointment is on {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_MISSED', 'en', 'We missed you on {{date}}, {{time}}. Please book another appointment if you need it. {{hospital}}'),
('WAITLIST_OFFER', 'en', 'An appointment on {{date}}, {{time}} is free. Please answer in your account until {{offerDate}}, {{offerTime}}. {{hospital}}'),
('ACCOUNT_WELCOME', 'en', 'An account was made for you, user name {{username}}. Choose your password: {{link}}'),
('PASSWORD_RESET', 'en', 'Set a new password: {{link}} If you did not ask for it, ignore this.'),
('APPOINTMENT_CONFIRMATION', 'de', 'Ihr Termin ist gebucht: {{date}}, {{time}} Uhr. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'de', 'Ihr Termin am {{date}}, {{time}} Uhr ist wie gewünscht abgesagt. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'de', 'Es tut uns leid: Wir mussten Ihren Termin am {{date}}, {{time}} Uhr absagen. Bitte buchen Sie einen neuen. {{hospital}}'),
('APPOINTMENT_RESCHEDULED', 'de', 'Ihr Termin wurde verlegt auf {{date}}, {{time}} Uhr. {{hospital}}'),
('APPOINTMENT_NEEDS_RESCHEDULE', 'de', 'Ihr Termin am {{date}}, {{time}} Uhr muss verlegt werden. Wir melden uns bei Ihnen. {{hospital}}'),
('APPOINTMENT_REMINDER', 'de', 'Erinnerung an Ihren Termin: {{date}}, {{time}} Uhr. {{hospital}}'),
('APPOINTMENT_MISSED', 'de', 'Sie haben Ihren Termin am {{date}}, {{time}} Uhr verpasst. Bitte buchen Sie bei Bedarf einen neuen. {{hospital}}'),
('WAITLIST_OFFER', 'de', 'Ein Termin am {{date}}, {{time}} Uhr ist frei. Bitte antworten Sie in Ihrem Konto bis {{offerDate}}, {{offerTime}} Uhr. {{hospital}}'),
('ACCOUNT_WELCOME', 'de', 'Für Sie wurde ein Konto angelegt, Benutzername {{username}}. Passwort wählen: {{link}}'),
('PASSWORD_RESET', 'de', 'Neues Passwort setzen: {{link}} Falls Sie das nicht wollten, ignorieren Sie dies.'),
('APPOINTMENT_CONFIRMATION', 'tr', 'Randevunuz oluşturuldu: {{date}}, saat {{time}}. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'tr', '{{date}}, saat {{time}} randevunuz isteğiniz üzerine iptal edildi. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'tr', 'Üzgünüz: {{date}}, saat {{time}} randevunuzu iptal etmek zorunda kaldık. Lütfen yeni bir randevu alın. {{hospital}}'),
('APPOINTMENT_RESCHEDULED', 'tr', 'Randevunuzun yeni zamanı: {{date}}, saat {{time}}. {{hospital}}'),
('APPOINTMENT_NEEDS_RESCHEDULE', 'tr', '{{date}}, saat {{time}} randevunuzun değişmesi gerekiyor. Sizi arayacağız. {{hospital}}'),
('APPOINTMENT_REMINDER', 'tr', 'Hatırlatma: randevunuz {{date}}, saat {{time}}. {{hospital}}'),
('APPOINTMENT_MISSED', 'tr', '{{date}}, saat {{time}} randevunuza gelmediniz. Gerekirse lütfen yeni bir randevu alın. {{hospital}}'),
('WAITLIST_OFFER', 'tr', '{{date}}, saat {{time}} için bir randevu boşaldı. Lütfen {{offerDate}}, saat {{offerTime}} zamanına kadar hesabınızdan yanıtlayın. {{hospital}}'),
('ACCOUNT_WELCOME', 'tr', 'Sizin için bir hesap açıldı, kullanıcı adı {{username}}. Parolanızı belirleyin: {{link}}'),
('PASSWORD_RESET', 'tr', 'Yeni parola belirleyin: {{link}} Siz istemediyseniz bu mesajı dikkate almayın.'),
('APPOINTMENT_CONFIRMATION', 'es', 'Su cita está reservada: {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_PATIENT', 'es', 'Su cita del {{date}}, {{time}} está cancelada como ha pedido. {{hospital}}'),
('APPOINTMENT_CANCELLED_BY_HOSPITAL', 'es', 'Lo sentimos: hemos tenido que cancelar su cita del {{date}}, {{time}}. Reserve otra, por favor. {{hospital}}'),
('APPOINTMENT_RESCHEDULED', 'es', 'Su cita se ha cambiado: {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_NEEDS_RESCHEDULE', 'es', 'Hay que cambiar su cita del {{date}}, {{time}}. Le llamaremos. {{hospital}}'),
('APPOINTMENT_REMINDER', 'es', 'Recordatorio: su cita es el {{date}}, {{time}}. {{hospital}}'),
('APPOINTMENT_MISSED', 'es', 'No le hemos visto en su cita del {{date}}, {{time}}. Reserve otra si la necesita. {{hospital}}'),
('WAITLIST_OFFER', 'es', 'Ha quedado libre una cita el {{date}}, {{time}}. Responda en su cuenta hasta el {{offerDate}}, {{offerTime}}. {{hospital}}'),
('ACCOUNT_WELCOME', 'es', 'Se ha creado una cuenta para usted, usuario {{username}}. Elija su contraseña: {{link}}'),
('PASSWORD_RESET', 'es', 'Establezca una nueva contraseña: {{link}} Si no la ha pedido, ignore este mensaje.')
) as text (name, locale, body);

-- In the account: the subject of the mail over the text of the SMS. Account links
-- are for people who cannot log in, so they are never shown there.
insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), sms.name, 'IN_APP', sms.locale, 1, email.subject, sms.body, true, now(), 1
from template sms
join template email on email.name = sms.name and email.locale = sms.locale and email.channel = 'EMAIL'
where sms.channel = 'SMS' and sms.name not in ('ACCOUNT_WELCOME', 'PASSWORD_RESET');
