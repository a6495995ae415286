"""The card section: 카드-001 to 카드-012 and prepaid cards, approvals nested in their card."""

from __future__ import annotations

from myd_grpc.sample import catalogue
from myd_grpc.sample.bank import ENVELOPE
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import MINUTES, MONTHS, RATES, TWO_DIGITS, join, listing, text


def section(person: Person) -> str:
    """``{rsp_code, card_list[], point_list[], bill_list[], pay_list[], …, pp_list[]?}``."""
    cards = [_card(person) for _ in range(1 + person.few(3))]
    revolving = [_revolving(person) for _ in range(person.few(6) // 5)]
    prepaid = [_prepaid(person) for _ in range(person.few(6) // 5)]
    return join(
        ENVELOPE,
        f'"search_timestamp":20230531{person.time()}',
        listing("card", cards),
        listing("point", [_point(person) for _ in range(person.few(2))]),
        listing("bill", [_bill(person, month) for month in MONTHS[-min(13, person.most) :]]),
        f'"is_revolving":{"true" if revolving else "false"}',
        listing("pay", [_payment(person) for _ in range(person.few(2))]),
        listing("revolving", revolving) if revolving else "",
        _loans(person),
        listing("pp", prepaid) if prepaid else "",
    )


def _card(person: Person) -> str:
    """카드-001 and 002 with the approvals of 008 and 009; without consent the list data only."""
    org, firm = person.org(catalogue.CARD_FIRMS)
    consent = person.happens(0.95)
    head = (
        org,
        f'"card_id":"{person.digits(12)}"',
        f'"card_num":"0000{person.digits(2)}******{person.digits(4)}"',
        f'"is_consent":{"true" if consent else "false"}',
        f'"card_name":{text(f"{firm} {person.pick(catalogue.CARD_PRODUCTS)}")}',
        f'"card_member":"{person.pick(("1", "1", "2"))}"',
        f'"card_type":"{person.pick(("01", "01", "02", "03"))}"',
    )
    if not consent:
        return join(*head)
    return join(
        *head,
        '"is_trans_payable":true',
        f'"is_cash_card":{person.pick(("true", "false"))}',
        person.optional(0.7, f'"linked_bank_code":"0{person.pick(("02", "80", "95"))}"'),
        person.optional(0.5, f'"account_num":"{person.account_num()}"'),
        f'"card_brand":"{person.pick(("100", "200", "300"))}"',
        f'"annual_fee":{person.pick(("0", "10000", "15000", "120000"))}',
        f'"issue_date":"{person.day()}"',
        f'"approved_domestic":{{{_domestic(person)}}}',
        f'"approved_overseas":{{{_overseas(person)}}}' if person.happens(0.3) else "",
    )


def _domestic(person: Person) -> str:
    """카드-008 approved_list: status 01 approved, 02 cancelled, 03 corrected (with their time)."""
    rnd = person.random
    merchants = person.pools.merchants
    rows = []
    for day in person.newest_first(person.rows(22, 5000)):
        time = MINUTES[int(rnd() * 3360)] + TWO_DIGITS[int(rnd() * 60)]
        number = int(rnd() * 100000000)
        kind = rnd()
        amount = int(80 / (1.0 - 0.985 * rnd())) * 100 + (int(rnd() * 10) * 10)
        merchant = merchants[int(rnd() * 2048)]
        if kind < 0.93:
            status, change = "01", ""
        elif kind < 0.99:
            status, change = "02", f',"trans_dtime":"{day}235{int(rnd() * 10)}00"'
        else:
            status, change = "03", f',"trans_dtime":"{day}235900","modified_amt":{amount // 2}'
        install = f',"total_install_cnt":{2 + int(rnd() * 11)}' if rnd() < 0.08 else ""
        rows.append(
            f'{{"approved_dtime":"{day}{time}","approved_num":"{number:08d}","status":"{status}",'
            f'"pay_type":"0{1 + (kind < 0.5)}"{merchant},"approved_amt":{amount}{change}{install}}}'
        )
    return listing("approved", rows)


def _overseas(person: Person) -> str:
    """카드-009 approved_list: as 008 with decimals, a country and a currency."""
    days = person.newest_first(person.rows(3, 300))
    return listing("approved", [_overseas_row(person, day) for day in days])


def _overseas_row(person: Person, day: str) -> str:
    name, country, currency = person.pick(catalogue.FOREIGN_SHOPS)
    amount = person.skewed(5, 900)
    return join(
        f'"approved_dtime":"{day}{person.time()}","approved_num":"{person.digits(8)}"',
        f'"status":"{person.pick(("01", "01", "01", "02"))}","pay_type":"01"',
        person.optional(0.9, f'"merchant_name":{text(name)}'),
        f'"approved_amt":{amount}.{person.digits(2)}0',
        person.optional(0.8, f'"country_code":"{country}"'),
        f'"currency_code":"{currency}"',
        person.optional(0.7, f'"krw_amt":{amount * 1300 + person.below(1000)}'),
    )


def _point(person: Person) -> str:
    """카드-003 point_list."""
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        f'"point_name":{text(person.pick(catalogue.POINTS))}',
        f'"remain_point_amt":{person.skewed(10, 90000)},"expiring_point_amt":{person.below(900)}',
    )


def _bill(person: Person, month: str) -> str:
    """카드-004 bill_list with 005 bill_detail_list; month and day come as text and as number."""
    number = person.happens(0.1)
    details = [_bill_detail(person, month) for _ in range(person.rows(2, 40))]
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        person.seqno(),
        f'"charge_amt":{person.skewed(1000, 500000) * 10}',
        '"charge_day":14' if number else '"charge_day":"14"',
        f'"charge_month":{month}' if number else f'"charge_month":"{month}"',
        f'"paid_out_date":"{month}14"',
        listing("bill_detail", details),
    )


def _bill_detail(person: Person, month: str) -> str:
    """카드-005 bill_detail_list; paid_dtime is a time or only a date."""
    paid = f"{month}{person.between(1, 28):02d}" + person.pick(("", person.time()))
    plan = f'"total_install_cnt":6,"cur_install_cnt":{person.between(1, 6)}'
    return join(
        f'"card_id":"{person.digits(12)}","paid_dtime":"{paid}"',
        person.optional(0.6, f'"trans_no":"{person.digits(8)}"'),
        f'"paid_amt":{person.won(100, 30000)}',
        person.optional(0.4, '"currency_code":"KRW"'),
        person.pick(person.pools.merchants)[1:],
        f'"credit_fee_amt":{person.pick(("0", "0", "0", "1230"))}',
        person.optional(0.1, f'{plan},"balance_amt":{person.won(100, 30000)}'),
        f'"prod_type":"{person.pick(("01", "02", "03"))}"',
    )


def _payment(person: Person) -> str:
    """카드-006 pay_list."""
    amount = person.skewed(1000, 300000) * 10
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        person.seqno(),
        f'"pay_due_date":"20230614","pay_amt":{amount},"lump_sum_amt":{amount // 2}',
        f'"monthly_amt":{amount - amount // 2},"loan_short_amt":0,"revolving_amt":0',
        '"loan_long_amt":0,"etc_amt":0',
    )


def _revolving(person: Person) -> str:
    """카드-007 revolving_list."""
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        f'"req_date":"{person.day()}","end_date":"99991231"',
        person.optional(0.2, '"close_date":"20230301"'),
        f'"min_pay_rate":{person.pick(("10.000", "20.000"))},"min_pay_amt":50000',
        person.optional(0.5, '"agreed_pay_rate":30.000,"agreed_pay_amt":100000'),
        f'"remained_amt":{person.skewed(1000, 900000)}',
    )


def _loans(person: Person) -> str:
    """카드-010 to 012: the two flags, short_term_list and long_term_list."""
    short = [_short_loan(person) for _ in range(person.few(6) // 4)]
    long = [_long_loan(person) for _ in range(person.few(6) // 5)]
    members = (
        f'"is_loan_short_term":{"true" if short else "false"}',
        f'"is_loan_long_term":{"true" if long else "false"}',
        listing("short_term", short) if short else "",
        listing("long_term", long) if long else "",
    )
    return ",".join(filter(None, members))


def _short_loan(person: Person) -> str:
    """카드-011 short_term_list."""
    amount = person.won(10000, 200000)
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        f'"loan_dtime":"{person.day()}{person.time()}","loan_amt":{amount},"balance_amt":{amount}',
        f'"pay_due_date":"20230614","int_rate":{person.pick(RATES)}',
        person.optional(0.5, f'"repay_org_code":"{person.pick(catalogue.BANKS)[0]}"'),
        person.optional(0.5, f'"repay_account_num":"{person.account_num()}"'),
    )


def _long_loan(person: Person) -> str:
    """카드-012 long_term_list."""
    amount = person.won(100000, 3000000)
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        f'"loan_num":"{person.digits(10)}","loan_dtime":"{person.day()}"',
        person.optional(0.5, f'"loan_cnt":{person.between(1, 36)}'),
        person.optional(0.5, '"loan_type":"01"'),
        f'"loan_name":"장기카드대출","loan_amt":{amount},"int_rate":{person.pick(RATES)}',
        f'"exp_date":"20250314","balance_amt":{amount},"repay_method":"01"',
        f'"int_amt":{person.won(100, 9000)}',
    )


def _prepaid(person: Person) -> str:
    """선불카드 pp_list with its balance and approvals."""
    rows = [
        join(
            f'"approved_dtime":"{day}{person.time()}","approved_num":"{person.digits(8)}"',
            '"status":"01","pay_type":"01"',
            person.pick(person.pools.merchants)[1:],
            f'"approved_amt":{person.skewed(10, 900) * 100}',
        )
        for day in person.newest_first(person.rows(3, 200))
    ]
    return join(
        person.org(catalogue.CARD_FIRMS)[0],
        f'"pp_id":"{person.digits(10)}","pp_name":"선물 선불카드","is_consent":true',
        f'"reg_date":"{person.day()}","limit_amt":500000',
        f'"total_balance_amt":{person.won(10, 50000)}',
        person.optional(0.4, f'"charge_balance_amt":{person.won(10, 50000)}'),
        listing("approved", rows),
    )
