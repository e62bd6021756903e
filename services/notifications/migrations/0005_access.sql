-- Patients are told who opened their record in an emergency. It cannot be switched off,
-- so that preferences know nothing of it.
alter table message drop constraint message_category_check;
alter table message add constraint message_category_check
    check (category in ('ACCOUNT', 'APPOINTMENT', 'REMINDER', 'WAITLIST', 'PRIVACY'));

insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), 'RECORD_OPENED', 'EMAIL', locale, 1, subject, body, true, now(), 1
from (values
('en', 'Your record was opened in an emergency',
$$Dear {{patientName}},

{{practitionerName}} opened your record in an emergency, on {{date}} from {{time}} to {{endTime}}, without treating you before. Your account shows why, and somebody else will check whether it was right.

If you know nothing of it, please tell us.

{{hospital}}
$$),
('de', 'Ihre Akte wurde in einem Notfall geöffnet',
$$Guten Tag {{patientName}},

{{practitionerName}} hat am {{date}} von {{time}} bis {{endTime}} Uhr in einem Notfall Ihre Akte geöffnet, ohne Sie zuvor behandelt zu haben. In Ihrem Konto steht, warum, und jemand anderes prüft, ob es richtig war.

Wenn Sie davon nichts wissen, sagen Sie es uns bitte.

{{hospital}}
$$),
('tr', 'Dosyanız acil bir durumda açıldı',
$$Sayın {{patientName}},

{{practitionerName}}, {{date}} tarihinde {{time}} ile {{endTime}} arasında, daha önce sizi tedavi etmediği halde acil bir durumda dosyanızı açtı. Nedenini hesabınızda görebilirsiniz; bunun doğru olup olmadığını başka biri denetleyecek.

Bundan haberiniz yoksa lütfen bize bildirin.

{{hospital}}
$$),
('es', 'Su historia se abrió en una urgencia',
$$Hola {{patientName}}:

{{practitionerName}} abrió su historia en una urgencia, el {{date}} de {{time}} a {{endTime}}, sin haberle tratado antes. En su cuenta puede leer el motivo, y otra persona comprobará si fue correcto.

Si no sabe nada de ello, díganoslo, por favor.

{{hospital}}
$$)
) as text (locale, subject, body);

-- Without names: a telephone is read by others.
insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), 'RECORD_OPENED', 'SMS', locale, 1, '', body, true, now(), 1
from (values
('en', 'Your record was opened in an emergency on {{date}}, {{time}}. Your account shows by whom and why. {{hospital}}'),
('de', 'Ihre Akte wurde am {{date}}, {{time}} Uhr in einem Notfall geöffnet. In Ihrem Konto steht, von wem und warum. {{hospital}}'),
('tr', 'Dosyanız {{date}}, saat {{time}} acil bir durumda açıldı. Kimin ve neden açtığını hesabınızda görebilirsiniz. {{hospital}}'),
('es', 'Su historia se abrió en una urgencia el {{date}}, {{time}}. En su cuenta puede leer quién y por qué. {{hospital}}')
) as text (locale, body);

insert into template (id, name, channel, locale, number, subject, body, active, created_at, version)
select gen_random_uuid(), sms.name, 'IN_APP', sms.locale, 1, email.subject, sms.body, true, now(), 1
from template sms
join template email on email.name = sms.name and email.locale = sms.locale and email.channel = 'EMAIL'
where sms.channel = 'SMS' and sms.name = 'RECORD_OPENED';
