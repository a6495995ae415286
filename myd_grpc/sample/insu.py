"""The insu section: 보험-001 to 보험-012."""

from __future__ import annotations

from myd_grpc.sample import catalogue
from myd_grpc.sample.bank import ENVELOPE, loan_row
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import RATES, join, listing, text


def section(person: Person) -> str:
    """``{rsp_code, insu_cnt, insu_list[], loan_cnt?, loan_list[]?}``."""
    contracts = [_insurance(person) for _ in range(1 + person.few(3))]
    if person.happens(0.4):
        contracts.append(_car_insurance(person))
    loans = [_loan(person) for _ in range(person.few(5) // 5)]
    return join(ENVELOPE, listing("insu", contracts), listing("loan", loans) if loans else "")


def _head(person: Person, kind: str, name: str) -> str:
    """보험-001 insu_list."""
    org, firm = person.org(catalogue.INSURERS)
    return (
        f'{org},"insu_num":"{person.digits(12)}","is_consent":true,'
        f'"prod_name":{text(f"{firm} {name}")},"insu_type":"{kind}",'
        f'"insu_status":"{person.pick(("02", "02", "04", "05"))}"'
    )


def _insurance(person: Person) -> str:
    """보험-001 to 006 and 012 of one contract."""
    insured = [_insured(person, n) for n in range(1, 2 + person.below(3) // 2)]
    rows = [_row(person, day) for day in person.newest_first(person.rows(10, 60))]
    return join(
        _head(person, *person.pick(catalogue.INSURANCES)),
        f'"is_renewable":{person.pick(("true", "false"))},"issue_date":"{person.day()}"',
        f'"exp_date":"{person.pick(("20521130", "99991231"))}"',
        f'"face_amt":{person.won(100000, 10000000)}',
        person.optional(0.4, '"currency_code":"KRW"'),
        f'"is_variable":false,"is_universal":{person.pick(("true", "false"))}',
        person.optional(0.1, '"pension_rcv_start_date":"20450101","pension_rcv_cycle":"1M"'),
        f'"is_loanable":{person.pick(("true", "false"))}',
        listing("insured", insured),
        listing("contract", [_contract(person) for _ in range(1 + person.few(2))]),
        listing("coverage", [_coverage(person) for _ in range(person.few(4))]),
        f'"payment":{_payment(person)}',
        listing("trans", rows),
    )


def _insured(person: Person, number: int) -> str:
    """보험-002 insured_list; insured_no is text or number."""
    return join(
        f'"insured_no":{person.pick((str(number), _two_digits(number)))}',
        f'"insured_name":"{person.pick(catalogue.PEOPLE)}"',
        f'"is_primary":{"true" if number == 1 else "false"}',
    )


def _two_digits(number: int) -> str:
    return f'"{number:02d}"'


def _contract(person: Person) -> str:
    """보험-003 contract_list (특약)."""
    return join(
        f'"contract_name":{text(person.pick(catalogue.COVERAGES)[1] + " 특약")}',
        f'"contract_status":"02","contract_exp_date":"{person.pick(("20521130", "99991231"))}"',
        f'"contract_face_amt":{person.won(10000, 5000000)}',
        person.optional(0.4, '"currency_code":"KRW"'),
        f'"is_required":{person.pick(("true", "false"))}',
    )


def _coverage(person: Person) -> str:
    """보험-012 coverage_list."""
    code, name = person.pick(catalogue.COVERAGES)
    return join(
        f'"subject":"{person.pick(catalogue.PEOPLE)}"',
        person.optional(0.6, f'"relation":"{person.pick(("01", "02", "03"))}"'),
        f'"status":"02","coverage_code":"{code}","type":"01","coverage_num":"{person.digits(3)}"',
        f'"coverage_name":{text(name)},"coverage_amt":{person.won(10000, 5000000)}',
        person.optional(0.5, f'"start_date":"{person.day()}","end_date":"20521130"'),
    )


def _payment(person: Person) -> str:
    """보험-005."""
    return join(
        '"pay_due":"02","pay_cycle":"1M"',
        f'"pay_cnt":{person.between(1, 240)}',
        person.optional(0.6, f'"pay_org_code":"{person.pick(catalogue.BANKS)[0]}"'),
        person.optional(0.6, f'"pay_account_num":"{person.account_num()}"'),
        person.optional(0.6, f'"pay_date":"{person.between(1, 28):02d}"'),
        f'"pay_end_date":"20381130","pay_amt":{person.won(1000, 30000)}',
        person.optional(0.4, '"currency_code":"KRW"'),
        '"is_auto_pay":true',
    )


def _row(person: Person, day: str) -> str:
    """보험-006 trans_list; trans_applied_month is a number here."""
    return join(
        f'"trans_date":"{day}","trans_applied_month":{day[:6]}',
        f'"paid_in_cnt":{person.between(1, 240)},"paid_amt":{person.won(1000, 30000)}',
        person.optional(0.4, '"currency_code":"KRW"'),
        f'"pay_method":"{person.pick(("01", "02", "03"))}"',
    )


def _car_insurance(person: Person) -> str:
    """보험-004 car_insu_list and 007 under a contract of type 06."""
    rows = [
        f'{{"face_amt":{person.skewed(100, 900) * 10000},"trans_date":"{day}","trans_no":{number},'
        f'"paid_in_cnt":1,"paid_amt":{person.skewed(30, 200) * 10000},"pay_method":"02"}}'
        for number, day in enumerate(person.newest_first(1 + person.few(4)), 1)
    ]
    cars = [_car(person) for _ in range(1 + person.few(1))]
    return join(
        _head(person, "06", "다이렉트 자동차보험"),
        listing("car_insu", cars),
        f'"car":{{{listing("trans", rows)}}}',
    )


def _car(person: Person) -> str:
    return join(
        f'"car_number":"000무{person.digits(4)}","car_insu_type":"02"',
        f'"car_name":{text(person.pick(catalogue.CARS))}',
        '"start_date":"20220810","end_date":"20230810"',
        f'"contract_age":"{person.pick(("21세", "26세", "전연령"))}"',
        '"contract_driver":"부부한정","is_own_dmg_coverage":true',
        person.optional(0.5, '"self_pay_rate":"20"'),
        person.optional(0.5, '"self_pay_amt":500000'),
    )


def _loan(person: Person) -> str:
    """보험-008 to 011 loan_list; its trans_list rows hold an int_list each."""
    org, firm = person.org(catalogue.INSURERS)
    return join(
        org,
        f'"prod_name":{text(f"{firm} 보험계약대출")},"account_num":"{person.account_num()}"',
        '"is_consent":true,"account_type":"3400","account_status":"01"',
        f'"last_offered_rate":{person.pick(RATES)},"balance_amt":{person.won(10000, 900000)}',
        listing("trans", [loan_row(person, d) for d in person.newest_first(person.rows(3, 60))]),
    )
