//! The list of tests.

/// Makes a test of every function of the suite, on databases of one kind. A function that is not listed here is dead
/// code, which the compiler tells.
macro_rules! database_suite {
    ($kind:expr) => {
        database_suite! { $kind; users:
            a_user_is_stored_and_read_back
            keys_are_not_used_again
            names_compare_exactly_unless_asked_otherwise
            columns_are_set_one_by_one
            users_are_listed_page_by_page
            a_deleted_user_leaves_nothing_behind
            permissions_come_from_the_user_and_the_groups
        }
        database_suite! { $kind; user_models:
            a_row_of_a_swapped_table_is_stored_and_read_back
            columns_of_a_swapped_table_are_set_one_by_one
            members_have_groups_and_permissions
            a_table_may_lack_what_djangos_has
            what_is_wrong_with_a_table_is_said_at_once
        }
        database_suite! { $kind; admin:
            a_list_is_searched_filtered_ordered_and_cut
            several_changes_are_made_at_once
            what_cannot_be_done_changes_nothing
            the_log_is_kept_in_djangos_form
            a_user_goes_with_everything_that_is_theirs
        }
        database_suite! { $kind; sessions:
            a_session_is_found_until_its_last_moment
            keys_compare_exactly
            writes_never_overwrite_and_never_revive
            a_swap_needs_the_expected_data
            a_cycle_moves_the_session_or_does_nothing
            a_touch_moves_the_end_alone
            clearing_deletes_what_ended_and_nothing_else
            live_sessions_are_listed_page_by_page
            the_guessed_user_comes_with_the_session
        }
        database_suite! { $kind; session_index:
            what_is_seen_again_is_renewed
            sessions_move_and_go
            entries_are_listed_in_pages_and_by_their_end
            the_newest_sessions_are_those_that_end_last
        }
        database_suite! { $kind; tokens:
            tokens_are_one_a_user
            the_table_is_made_when_asked_for
        }
        database_suite! { $kind; migrations:
            a_second_run_finds_nothing_to_do
            a_database_that_django_made_is_ready
            a_site_without_the_admin_stays_without
            an_app_that_is_missing_whole_is_made
            missing_rows_are_made_by_name
            a_database_of_an_older_django_is_left_to_django
            a_database_of_a_newer_django_is_not_opened
            tables_that_nobody_recorded_are_not_touched
            two_that_migrate_at_once_do_it_once
            content_types_are_found_by_name
            the_index_of_sessions_knows_whether_it_is_whole
        }
        database_suite! { $kind; concurrency:
            many_durable_writes_share_their_commits
            two_handles_see_each_others_writes
            parallel_swaps_lose_nothing
            a_clean_up_lets_others_write
            more_threads_than_connections_read
        }
    };
    ($kind:expr; $module:ident: $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    crate::suite::$module::$test($kind).await;
                }
            )+
        }
    };
}
