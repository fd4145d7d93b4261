"""What people say around their data, in their own language: a masker may go by the words beside a value.

Two ways of saying each thing; the last words of each language are said where there is no sentence of its own.
"""

from __future__ import annotations

SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "email": ("My email address is {}.", "Please send the contract to {} today."),
        "phone": ("You can call me at {}.", "My phone number is {}."),
        "card": ("I paid with card number {}.", "Please charge my credit card {}."),
        "ssn": ("My social security number is {}.", "SSN: {}."),
        "national_id": ("My National Insurance number is {}.", "NI number: {}."),
        "iban": ("Please transfer it to IBAN {}.", "My bank account is {}."),
        "ip": ("My IP address is {}.", "I was logged in from {}."),
        "date_of_birth": ("I was born on {}.", "Date of birth: {}."),
        "address": ("I live at {}.", "Please deliver it to {}."),
        "name": ("My name is {}.", "The contract was signed by {} yesterday."),
        "medical_record": ("My medical record number is {}.", "The patient's record is {}."),
        "passport": ("My passport number is {}.", "Passport: {}."),
        "api_key": ("My API key is {}.", "The job runs with the key {}."),
        "password": ("My password is: {}", "password: {}"),
    },
    "de": {
        "email": ("Meine E-Mail-Adresse lautet {}.", "Bitte schicken Sie den Vertrag heute an {}."),
        "phone": ("Sie erreichen mich unter {}.", "Meine Telefonnummer ist {}."),
        "card": ("Ich habe mit der Karte {} bezahlt.", "Bitte belasten Sie meine Kreditkarte {}."),
        "national_id": ("Meine Steuer-ID ist {}.", "Steueridentifikationsnummer: {}."),
        "iban": ("Bitte überweisen Sie auf IBAN {}.", "Mein Konto ist {}."),
        "ip": ("Meine IP-Adresse ist {}.", "Ich war von {} aus angemeldet."),
        "date_of_birth": ("Ich bin am {} geboren.", "Geburtsdatum: {}."),
        "address": ("Ich wohne in der {}.", "Bitte liefern Sie an: {}."),
        "name": ("Ich heiße {}.", "Der Vertrag wurde gestern von {} unterschrieben."),
        "medical_record": ("Meine Versichertennummer ist {}.", "Krankenversichertennummer: {}."),
        "passport": ("Meine Reisepassnummer ist {}.", "Reisepass: {}."),
        "api_key": ("Mein API-Schlüssel ist {}.", "Der Dienst läuft mit dem Schlüssel {}."),
        "password": ("Mein Passwort ist: {}", "Passwort: {}"),
    },
    "fr": {
        "email": ("Mon adresse e-mail est {}.", "Merci d'envoyer le contrat à {} aujourd'hui."),
        "phone": ("Vous pouvez m'appeler au {}.", "Mon numéro de téléphone est le {}."),
        "card": ("J'ai payé avec la carte {}.", "Merci de débiter ma carte bancaire {}."),
        "national_id": ("Mon numéro de sécurité sociale est {}.", "NIR : {}."),
        "iban": ("Merci de virer la somme sur l'IBAN {}.", "Mon compte bancaire est {}."),
        "ip": ("Mon adresse IP est {}.", "Je me suis connecté depuis {}."),
        "date_of_birth": ("Je suis né le {}.", "Date de naissance : {}."),
        "address": ("J'habite au {}.", "Merci de livrer au {}."),
        "name": ("Je m'appelle {}.", "Le contrat a été signé hier par {}."),
        "medical_record": ("Mon numéro de dossier médical est {}.", "Dossier du patient : {}."),
        "passport": ("Mon numéro de passeport est {}.", "Passeport : {}."),
        "api_key": ("Ma clé API est {}.", "Le service utilise la clé {}."),
        "password": ("Mon mot de passe est : {}", "mot de passe : {}"),
    },
    "ja": {
        "email": ("メールアドレスは {} です。", "契約書を {} に送ってください。"),
        "phone": ("電話番号は {} です。", "{} に電話してください。"),
        "card": ("カード番号 {} で支払いました。", "クレジットカード {} に請求してください。"),
        "national_id": ("マイナンバーは {} です。", "個人番号: {}"),
        "iban": ("IBAN {} に振り込んでください。", "口座は {} です。"),
        "ip": ("IPアドレスは {} です。", "{} からログインしました。"),
        "date_of_birth": ("生年月日は{}です。", "{}に生まれました。"),
        "address": ("住所は{}です。", "{}に届けてください。"),
        "name": ("私の名前は{}です。", "昨日、{}が契約書に署名しました。"),
        "medical_record": ("診察券番号は {} です。", "患者の記録は {} です。"),
        "passport": ("旅券番号は {} です。", "パスポート: {}"),
        "api_key": ("APIキーは {} です。", "このジョブは {} を使います。"),
        "password": ("パスワード: {}", "パスワードは {}"),
    },
}


def sentence(kind: str, locale: str, number: int) -> str:
    """A sentence with a place for the value; which of the two it is changes with the number."""
    spoken = SENTENCES.get(locale[:2], SENTENCES["en"])
    ways = spoken.get(kind) or SENTENCES["en"][kind]
    return ways[number % len(ways)]
