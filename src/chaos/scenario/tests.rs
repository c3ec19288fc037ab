use super::*;

const KNOWN: Known = Known {
    of_orders: &[],
    invariants: &["no_request_lost", "views<=quota"],
    metrics: &["request.p95_ms", "request.failed"],
};

const HEAD: &str = "schema = 1\nname = \"x\"\nseed = 7\n[cluster]\nnodes = 3\n\
                    clients = [\"alice\", \"bob\"]\n";

fn parse(more: &str) -> Result<Scenario, Fault> {
    Scenario::parse(&format!("{HEAD}{more}"), KNOWN)
}

fn fault(more: &str) -> Fault {
    parse(more).expect_err("refused")
}

#[test]
fn what_is_left_out_has_a_default() {
    let scenario = parse("").expect("reads");
    assert_eq!(scenario.mode, Mode::Sim);
    assert_eq!(scenario.invariants, KNOWN.invariants);
    assert_eq!((scenario.promised(), scenario.seed), (0, 7));
    assert!(scenario.token.is_none() && scenario.thresholds(Mode::Sim).is_empty());
}

#[test]
fn a_load_promises_requests_and_gives_the_length() {
    let scenario = parse("[[load]]\nop = \"hide\"\nrate_per_s = 2.5\nfor_s = 8\nfrom_s = 4\n");
    let scenario = scenario.expect("reads");
    assert_eq!(scenario.promised(), 20);
    assert!((scenario.length_s() - 12.0).abs() < 1e-9);
}

#[test]
fn steps_come_in_the_order_of_their_times() {
    let steps = "[[step]]\nat_s = 9\ndo = \"mend\"\n[[step]]\nat_s = 2\ndo = \"crash n1\"\n";
    let scenario = parse(steps).expect("reads");
    assert_eq!(scenario.steps[0], (2.0, Step::Crash(0, None)));
    assert_eq!(scenario.steps[1], (9.0, Step::Mend));
}

#[test]
fn a_bound_of_one_mode_replaces_that_of_both() {
    let scenario = parse(
        "[thresholds]\n\"request.p95_ms\" = \"<5\"\n\"request.failed\" = \"<1%\"\n\
         [thresholds_in.process]\n\"request.p95_ms\" = \"<900\"\n",
    );
    let scenario = scenario.expect("reads");
    let written = |mode| -> Vec<String> {
        let bounds = scenario.thresholds(mode).into_iter();
        bounds.map(|bound| bound.written).collect()
    };
    assert_eq!(written(Mode::Sim), ["<1%", "<5"]);
    assert_eq!(written(Mode::Process), ["<1%", "<900"]);
}

#[test]
fn a_fault_has_its_line_and_column_and_lists_what_is_known() {
    let cases = [
        ("colour = 3\n", (7, 1), "unknown field `colour`, expected"),
        ("[chaos]\n", (7, 2), "unknown field `chaos`"),
        ("[token]\nhold_s = [5, 30]\n", (8, 10), "hold_s"),
        ("[token]\nmax_down = 2\n", (8, 12), "max_down must be 1"),
        ("[token]\norder = \"random\"\n", (8, 9), "`ring`"),
        (
            "[token]\nfault = { stop = 1 }\n",
            (8, 11),
            "`silent` or `announced`",
        ),
        (
            "[[step]]\nat_s = 1\ndo = \"crush n1\"\n",
            (9, 6),
            "crash HOST",
        ),
        (
            "[[load]]\nop = \"fetch\"\nrate_per_s = 1\nfor_s = 1\n",
            (8, 6),
            "`hide`",
        ),
        (
            "[[load]]\nop = \"hide\"\nrate_per_s = 0\nfor_s = 1\n",
            (9, 14),
            "above 0",
        ),
        (
            "[[load]]\nop = \"hide\"\nclients = 3\nrate_per_s = 1\nfor_s = 1\n",
            (9, 11),
            "there are 2",
        ),
        (
            "[invariants]\non = [\"views<=quota\", \"luck\"]\n",
            (8, 23),
            "no_request_lost, views<=quota",
        ),
        (
            "[thresholds]\n\"request.p95\" = \"<5\"\n",
            (8, 1),
            "request.p95_ms, request.failed",
        ),
        (
            "[thresholds]\n\"request.p95_ms\" = \"5\"\n",
            (8, 20),
            "no bound",
        ),
        (
            "[[grant]]\nimage = \"b\"\nfrom = \"alice\"\nto = \"dan\"\nviews = 1\n",
            (10, 6),
            "there are alice, bob",
        ),
    ];
    for (text, place, told) in cases {
        let fault = fault(text);
        assert!(fault.rule.contains(told), "{text}: {fault}");
        assert_eq!((fault.line, fault.column), place, "{text}: {fault}");
    }
}

#[test]
fn bounds_are_kept_to_at_their_edges() {
    let cluster = |nodes: &str, clients: &str| {
        let text = format!(
            "schema = 1\nname = \"x\"\nseed = 7\n[cluster]\nnodes = {nodes}\nclients = {clients}\n"
        );
        Scenario::parse(&text, KNOWN)
    };
    assert!(cluster("16", "[\"alice\"]").is_ok() && cluster("17", "[\"alice\"]").is_err());
    assert!(cluster("0", "[\"alice\"]").is_err() && cluster("1", "[]").is_err());
    assert!(cluster("1", "[\"a\", \"a\"]").is_err() && cluster("1", "[\"n1\"]").is_err());
    let names: Vec<String> = (0..=CLIENTS_MAX).map(|n| format!("\"a{n}\"")).collect();
    assert!(cluster("1", &format!("[{}]", names[..CLIENTS_MAX].join(","))).is_ok());
    assert!(cluster("1", &format!("[{}]", names.join(","))).is_err());
    let load = |rate| format!("[[load]]\nop = \"hide\"\nrate_per_s = {rate}\nfor_s = 1000\n");
    assert!(parse(&load(20)).is_ok() && parse(&load(21)).is_err());
}

#[test]
fn another_schema_is_refused() {
    let text = HEAD.replace("schema = 1", "schema = 2");
    let fault = Scenario::parse(&text, KNOWN).expect_err("refused");
    assert_eq!((fault.line, fault.column), (1, 10));
}
