//! The words that fields are named by, in several languages, and what each says of the value.
//!
//! Never: looks at a value.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::learn::concepts::Concept;
use crate::redact;
use crate::redact::detect::Kind;

/// What is said by a word, or by several one after the other. Where words of equal length say different things, the first
/// one here counts.
const WORDS: [(Concept, &str); 18] = [
    (
        Concept::Found(Kind::Email),
        "email emailaddress mail mailaddress mailbox courriel correo correoelectronico epost eposta",
    ),
    (
        Concept::Found(Kind::Phone),
        "phone telephone telefon telefono telefone telefoon phonenumber telephonenumber telefonnummer tel mobile \
         mobilephone mobilenumber mobil mobilnummer movil celular cellphone cellular handynummer rufnummer fax faxnumber \
         gsm msisdn telecom whatsapp",
    ),
    (
        Concept::Found(Kind::Card),
        "cardnumber creditcard creditcardnumber debitcard ccnumber ccnum pan kreditkarte kartennummer tarjeta \
         numerotarjeta cartebancaire cartedecredit cartadicredito cartaocredito",
    ),
    (Concept::Found(Kind::Iban), "iban"),
    (
        Concept::Account,
        "accountnumber bankaccount bankaccountnumber accountno kontonummer bankverbindung numerocompte numerodecuenta \
         routingnumber sortcode",
    ),
    (
        Concept::Found(Kind::NationalId),
        "ssn ssnumber socialsecurity socialsecuritynumber nationalid nationalidnumber nationalinsurance taxid taxnumber \
         taxpayerid itin nino nir dni nie nif cpf bsn pesel aadhaar aadhar nhsnumber nhs personnummer cprnumber nric curp \
         steuerid steuernummer sozialversicherungsnummer svnr ahvnummer codicefiscale insee numerosecuritesociale \
         passport passportnumber passportno reisepass pasaporte passeport passaporto personalausweis idcard idnumber \
         driverslicense driverlicense drivinglicence drivinglicense fuehrerschein licenseplate",
    ),
    (
        Concept::Identifier,
        "identifier mrn medicalrecordnumber memberid membernumber insurancenumber insuranceid subscriberid \
         versichertennummer versicherungsnummer policynumber",
    ),
    (
        Concept::BirthDate,
        "dob birthdate birthday dateofbirth birthyear yearofbirth birth geburtsdatum geburtstag geburt datedenaissance \
         datenaissance naissance fechadenacimiento fechanacimiento nacimiento datadinascita nascita datadenascimento \
         datanascimento nascimento geboortedatum fodelsedatum fodselsdato dataurodzenia",
    ),
    (
        Concept::Found(Kind::Ip),
        "ip ipaddress ipaddr ipv clientip remoteip remoteaddr sourceip ipadresse adresseip direccionip",
    ),
    (Concept::Found(Kind::Mac), "mac macaddress macaddr macadresse"),
    (
        Concept::Address,
        "address addr addressline street streetaddress streetname postaladdress homeaddress mailingaddress \
         billingaddress shippingaddress deliveryaddress zip zipcode postcode postalcode adresse anschrift strasse straße \
         hausnummer plz postleitzahl rue codepostal direccion domicilio calle codigopostal indirizzo endereco rua morada \
         adres straat adress gata",
    ),
    (
        Concept::Name,
        "firstname lastname surname fullname givenname familyname middlename maidenname forename nickname vorname \
         nachname familienname geburtsname prenom nomdefamille nombre nombrecompleto apellido cognome sobrenome \
         voornaam achternaam fornamn efternamn imie nazwisko patientname customername personname contactname \
         username screenname displayname loginname benutzername \
         cardholder cardholdername accountholder kontoinhaber mothersmaidenname",
    ),
    (
        Concept::Found(Kind::Token),
        "token accesstoken refreshtoken idtoken sessiontoken authtoken bearertoken csrftoken sessionid sessionkey jwt \
         bearer authorization cookie setcookie",
    ),
    (
        Concept::Found(Kind::Secret),
        "password passwd pwd passphrase passcode passwordhash hashedpassword passwort kennwort motdepasse contrasena \
         senha wachtwoord haslo losenord secret clientsecret apikey apisecret privatekey secretkey signingkey \
         encryptionkey credential pin pincode cvv cvc otp securityanswer",
    ),
    (Concept::Location, "latitude longitude geolocation geocoordinate gps gpscoordinate"),
    (Concept::Gender, "gender sex geschlecht sexe sexo sesso genero"),
    (Concept::Income, "salary income wage grosssalary gehalt einkommen salaire salario stipendio loon"),
    (
        Concept::Belief,
        "religion ethnicity ethnicgroup maritalstatus sexualorientation politicalopinion unionmembership konfession \
         familienstand",
    ),
];

/// What is said of illnesses. By themselves, for a longer list would not be read.
const HEALTH: &str =
    "diagnosis diagnose diagnoses allergy allergie allergies bloodtype disease illness blutgruppe";

/// Words that say what a value is only beside others that speak of a person.
const OF_PERSONS: &str = "name nom nome naam namn given family";

/// Words at the end of a key by which it speaks of something about the value, and not of the value.
const ABOUT: &str = "id type status verified count enabled valid format kind label use flag required optin template at on code \
     hint policy expiry expires updated created changed length rule class field schema url uri link href reset visible index";

/// Words before `token` by which it is a place in a list.
const PAGES: &str = "next page continuation cursor sync prev previous";

/// Longest run of words that is looked up.
const RUN_MAX: usize = 4;

/// What the name of a field says of its value.
pub(super) fn speaks(key: &str) -> Option<Concept> {
    let words = words(key);
    // Tokens by which a list goes on open nothing.
    if words.last().is_some_and(|last| last == "token") && words.iter().any(|word| has(PAGES, word)) {
        return None;
    }
    let mut best: Option<(usize, usize, Concept)> = None;
    for from in 0..words.len() {
        for count in 1..=RUN_MAX.min(words.len() - from) {
            let run = words.get(from..from + count).unwrap_or_default().concat();
            let Some(concept) = of_run(&run) else { continue };
            let better = best.is_none_or(|(length, _, known)| {
                run.len() > length || run.len() == length && concept < known
            });
            if better {
                best = Some((run.len(), from + count, concept));
            }
        }
    }
    let (_, end, concept) = best?;
    let is_about = end < words.len() && words.last().is_some_and(|last| has(ABOUT, last));
    (!is_about).then_some(concept)
}

/// Does the name say what the value is where others beside it speak of a person?
pub(super) fn may_name_a_person(key: &str) -> bool {
    matches!(&*words(key), [word] if has(OF_PERSONS, word))
}

/// What the last part of a class's name says of its values.
pub(super) fn of_class(segment: &str) -> Option<Concept> {
    speaks(segment).or_else(|| may_name_a_person(segment).then_some(Concept::Name)).or_else(|| {
        let folded = words(segment).concat();
        Concept::all().find(|concept| concept.word().replace('-', "") == folded)
    })
}

/// What each word says.
static SAID: LazyLock<HashMap<&'static str, Concept>> = LazyLock::new(|| {
    let mut said = HashMap::new();
    for (concept, words) in WORDS.into_iter().chain([(Concept::Health, HEALTH)]) {
        for word in words.split_whitespace() {
            said.entry(word).or_insert(concept);
        }
    }
    said
});

fn of_run(run: &str) -> Option<Concept> {
    let of = |word: &str| SAID.get(word).copied();
    of(run).or_else(|| of(run.strip_suffix('s').filter(|one| one.len() > 2)?))
}

fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

/// The words of a key in small letters, without digits, accents and what separates them: `homePhone2`, `home_phone`.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut chars = key.chars().peekable();
    let (mut was_lower, mut was_upper) = (false, false);
    while let Some(c) = chars.next() {
        let before_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let begins = !c.is_alphabetic() || c.is_uppercase() && (was_lower || was_upper && before_lower);
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.push(c);
        }
        (was_lower, was_upper) = (c.is_lowercase(), c.is_uppercase());
    }
    words.retain(|word| !word.is_empty());
    let plain =
        |word: &String| redact::folded(word).nfd().filter(|c| !is_combining_mark(*c)).collect::<String>();
    words.iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_speak_in_several_languages_and_spellings() {
        for (key, concept) in [
            ("email", Concept::Found(Kind::Email)),
            ("E-Mail", Concept::Found(Kind::Email)),
            ("contactEmailAddress", Concept::Found(Kind::Email)),
            ("emails", Concept::Found(Kind::Email)),
            ("home_phone2", Concept::Found(Kind::Phone)),
            ("PHONE", Concept::Found(Kind::Phone)),
            ("teléfono", Concept::Found(Kind::Phone)),
            ("Telefonnummer", Concept::Found(Kind::Phone)),
            ("ssn", Concept::Found(Kind::NationalId)),
            ("ＳＳＮ", Concept::Found(Kind::NationalId)),
            ("socialSecurityNumber", Concept::Found(Kind::NationalId)),
            ("national_id", Concept::Found(Kind::NationalId)),
            ("customerIBAN", Concept::Found(Kind::Iban)),
            ("dob", Concept::BirthDate),
            ("patient_date_of_birth", Concept::BirthDate),
            ("Geburtsdatum", Concept::BirthDate),
            ("fecha-de-nacimiento", Concept::BirthDate),
            ("addressLine1", Concept::Address),
            ("dirección", Concept::Address),
            ("ipAddress", Concept::Found(Kind::Ip)),
            ("MACAddress", Concept::Found(Kind::Mac)),
            ("firstName", Concept::Name),
            ("prénom", Concept::Name),
            ("userPassword", Concept::Found(Kind::Secret)),
            ("mot_de_passe", Concept::Found(Kind::Secret)),
            ("accessToken", Concept::Found(Kind::Token)),
            ("allergies", Concept::Health),
        ] {
            assert_eq!(speaks(key), Some(concept), "{key}");
        }
    }

    #[test]
    fn other_names_say_nothing() {
        for key in [
            "id",
            "name",
            "emailVerified",
            "addressType",
            "tokenType",
            "passwordUpdatedAt",
            "hotel",
            "company",
            "spin",
        ] {
            assert_eq!(speaks(key), None, "{key}");
        }
        assert!(may_name_a_person("name") && may_name_a_person("given") && !may_name_a_person("file_name"));
        assert_eq!(of_class("birth-date"), Some(Concept::BirthDate));
        assert_eq!(of_class("name"), Some(Concept::Name));
        assert_eq!(of_class("member"), None);
    }
}
