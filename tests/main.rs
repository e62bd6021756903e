//! Galen from the outside: the real binary, its public API, its command line.
//!
//! One hospital is shared by the tests that do not hurt it; faults and start-up
//! tests start their own.

mod audit;
mod bad_input;
mod brute_force;
mod canaries;
mod demo;
mod erasure;
mod faults;
mod forge;
mod headers;
mod hospital;
mod ids;
mod journeys;
mod keys;
mod matrix;
mod mfa;
mod payments;
mod plain;
mod poison;
mod prepayments;
mod provider;
mod races;
mod requests;
mod start;
mod statements;
mod tokens;
mod world;

use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use hospital::Hospital;
use libtest_mimic::{Arguments, Trial};

/// The hospital that harmless tests share; started by the first of them.
type Shared = Arc<OnceLock<Hospital>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two cores: more at once would measure only their waiting for each other.
    arguments.test_threads.get_or_insert(2);
    let shared = Shared::default();
    macro_rules! shared {
        ($($module:ident :: $name:ident),+ $(,)?) => {
            [$({
                let shared = Arc::clone(&shared);
                Trial::test(concat!(stringify!($module), "::", stringify!($name)), move || {
                    block_on($module::$name(shared.get_or_init(Hospital::fresh)))
                })
            }),+]
        };
    }
    macro_rules! race {
        ($($name:ident),+ $(,)?) => {
            [$({
                let shared = Arc::clone(&shared);
                Trial::test(concat!("races::", stringify!($name)), move || {
                    let hospital = shared.get_or_init(Hospital::fresh);
                    block_on(async { races::$name(hospital.admin().await).await })
                })
            }),+]
        };
    }
    macro_rules! alone {
        ($($module:ident :: $name:ident),+ $(,)?) => {
            [$(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || block_on($module::$name()))),+]
        };
    }
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(shared![
        journeys::a_patient_is_registered_books_and_is_seen,
        journeys::a_mailed_link_logs_in_once,
        journeys::a_booking_is_moved_and_cancelled,
        journeys::a_stale_version_is_refused,
        journeys::patients_see_only_their_own,
        bad_input::a_wrong_field_is_pointed_at,
        bad_input::a_body_that_is_none_is_refused,
        bad_input::foreign_ids_name_nothing,
        bad_input::queries_paths_and_methods_are_checked,
        bad_input::problems_have_pages,
        audit::what_happens_to_a_patient_is_in_the_log,
        audit::logins_are_in_the_log,
        audit::the_command_line_is_in_the_log,
        tokens::a_forged_token_opens_nothing,
        tokens::a_replayed_refresh_ends_the_session,
        tokens::an_ended_session_is_over,
        headers::headers_change_nothing,
        headers::addresses_are_not_believed,
        ids::ids_of_others_reach_nothing,
        mfa::a_stolen_password_opens_nothing_without_the_phone,
        mfa::what_is_dangerous_needs_a_recent_login,
        payments::money_that_is_none_moves_nothing,
        statements::a_statement_is_what_the_ledger_says,
        poison::a_poisoned_key_waits_and_others_flow,
        matrix::every_operation_answers_as_the_table_says,
    ]);
    trials.extend(race![
        one_slot_is_booked_once,
        overlapping_wishes_agree_with_a_model,
        two_records_are_merged_once,
        a_refresh_token_renews_once,
        identical_posts_have_one_effect,
    ]);
    trials.extend(alone![
        matrix::every_rpc_is_asked_by_whom_the_table_says,
        matrix::an_answer_is_explained_by_its_policies,
        provider::a_foreign_client_library_logs_somebody_in,
        start::a_restart_keeps_everything,
        start::a_second_start_on_a_directory_is_refused,
        start::a_stopped_hospital_can_be_verified,
        start::a_wrong_setting_is_named,
        tokens::a_rotated_key_ends_no_session,
        canaries::words_about_people_stay_where_they_belong,
        canaries::every_spelling_of_a_word_is_found,
        start::a_read_model_is_rebuilt_while_it_answers,
        audit::a_changed_entry_is_named,
        erasure::nothing_of_an_erased_person_is_left_to_read,
        demo::the_money_of_a_visit_is_followed_to_the_last_cent,
        brute_force::guesses_are_slowed_while_others_log_in,
        faults::kills_lose_nothing_and_repeat_nothing,
        payments::kills_lose_no_money_and_make_none,
        payments::a_payment_is_told_to_whoever_listens,
        payments::a_changed_posting_is_named,
        prepayments::what_is_paid_before_follows_the_appointment,
        keys::a_replaced_master_key_loses_nothing,
        keys::without_its_key_file_a_hospital_does_not_start,
    ]);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut green = !conclusion.has_failed();
    if let Some(hospital) = shared.get() {
        // After everything the tests did to it, no invariant may be broken.
        let (holds, report) = hospital.verify();
        if !holds {
            eprintln!("{report}");
        }
        green &= holds;
    }
    drop(Arc::into_inner(shared));
    if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

fn block_on(test: impl Future<Output = ()>) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(test);
    Ok(())
}
